// The operator's page: what the admin API tells, drawn. May know nothing of the mirror but the types of that API.
import { render } from 'preact';
import { AppContext } from './app-context.ts';
import { createApiClient } from './api/api-client.ts';
import { createLive } from './api/live.ts';
import { createSession } from './api/session.ts';
import { App } from './app.tsx';
import { followHistory } from './navigation.ts';
import { createNotices } from './parts/notices.ts';

const session = createSession();
const api = createApiClient(session);
const services = { api, session, live: createLive(api, session), notices: createNotices() };
followHistory();
services.live.start();
const root = document.querySelector('#page');
if (root !== null) {
  render(
    <AppContext.Provider value={services}>
      <App />
    </AppContext.Provider>,
    root,
  );
}
