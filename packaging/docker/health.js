/** The image's health check: ends with 0 while `/readyz` says that the mirror takes pulls. */
import { get } from 'node:http';
import { get as getSecurely } from 'node:https';

const [address = ''] = (process.env.STOWAGE__ADMIN__LISTEN ?? '').split(',');
const port = Number(address.slice(address.lastIndexOf(':') + 1)) || 5080;
// Within the container there is nobody to be mistaken for; the certificate is for another name.
const options = { host: '127.0.0.1', port, path: '/readyz', timeout: 4000, agent: false, rejectUnauthorized: false };

ask(get, (status) => {
  // What a listener with TLS says to those that speak without.
  if (status === 400) ask(getSecurely, report);
  else report(status);
});

function ask(how, onStatus) {
  const request = how(options, (response) => {
    response.resume();
    onStatus(response.statusCode);
  });
  request.on('timeout', () => request.destroy(new Error('no answer within 4 s')));
  request.on('error', (error) => fail(error.message));
}

function report(status) {
  if (status !== 200) fail(`/readyz answers ${status}`);
}

function fail(reason) {
  console.error(`not ready: ${reason}`);
  process.exitCode = 1;
}
