/** The image's health check: ends with 0 while `/readyz` says that the mirror takes pulls. */
import { get } from 'node:http';

const [address = ''] = (process.env.STOWAGE__ADMIN__LISTEN ?? '').split(',');
const port = Number(address.slice(address.lastIndexOf(':') + 1)) || 5080;
const request = get({ host: '127.0.0.1', port, path: '/readyz', timeout: 4000, agent: false }, (response) => {
  response.resume();
  if (response.statusCode !== 200) fail(`/readyz answers ${response.statusCode}`);
});
request.on('timeout', () => request.destroy(new Error('no answer within 4 s')));
request.on('error', (error) => fail(error.message));

function fail(reason) {
  console.error(`not ready: ${reason}`);
  process.exitCode = 1;
}
