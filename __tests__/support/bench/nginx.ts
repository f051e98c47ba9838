import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { answers, startDaemon } from '../../e2e/support/daemon.ts';
import { getTool } from '../../e2e/support/tools.ts';
import { findFreePort } from '../free-port.ts';
import type { Contender, ContenderOptions } from './contender.ts';

/** nginx with `proxy_cache`: it knows nothing of registries, and is as fast as files are served here. */
export async function startNginx({ directory, upstreamUrl }: ContenderOptions): Promise<Contender> {
  mkdirSync(directory, { recursive: true });
  const host = `127.0.0.1:${await findFreePort()}`;
  const configPath = join(directory, 'nginx.conf');
  writeFileSync(configPath, formatConfig(directory, host, new URL(upstreamUrl).host));
  const daemon = await startDaemon({
    command: getTool('nginx'),
    args: ['-p', directory, '-e', join(directory, 'error.log'), '-c', configPath],
    outputPath: join(directory, 'log'),
    isReady: () => answers(`http://${host}/v2/`),
  });
  return { name: 'nginx', url: `http://${host}`, daemon };
}

function formatConfig(directory: string, host: string, upstreamHost: string): string {
  const at = (name: string): string => join(directory, name);
  return `
daemon off;
worker_processes 2;
pid ${at('pid')};
${process.getuid?.() === 0 ? 'user root;' : ''}
events { worker_connections 4096; }
http {
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000;
  access_log ${at('access.log')};
  client_body_temp_path ${at('body')};
  proxy_temp_path ${at('temp')};
  fastcgi_temp_path ${at('fastcgi')};
  scgi_temp_path ${at('scgi')};
  uwsgi_temp_path ${at('uwsgi')};
  proxy_cache_path ${at('cache')} levels=1:2 keys_zone=registry:50m max_size=50g inactive=1d use_temp_path=off;
  upstream registry { server ${upstreamHost}; keepalive 32; }
  server {
    listen ${host} backlog=4096;
    location / {
      proxy_pass http://registry;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host ${upstreamHost};
      proxy_redirect off;
      proxy_cache registry;
      proxy_cache_lock on;
      proxy_cache_valid 200 10m;
    }
  }
}
`;
}
