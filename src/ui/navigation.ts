import { formatRoute, parseRoute, type Route } from './router.ts';
import { createStore } from './store.ts';

const current = createStore<Route>(readRoute());

/** The view that is shown. */
export const shownRoute = { get: current.get, set: current.set, watch: current.watch };

/** Shows another view; `replace` leaves no step to go back to. */
export function navigate(route: Route, how: 'push' | 'replace' = 'push'): void {
  const address = formatRoute(route);
  if (how === 'push') globalThis.history.pushState(null, '', address);
  else globalThis.history.replaceState(null, '', address);
  current.set(readRoute());
  if (how === 'push') globalThis.scrollTo(0, 0);
}

/** Follows the browser's back and forward buttons. */
export function followHistory(): void {
  globalThis.addEventListener('popstate', () => current.set(readRoute()));
}

function readRoute(): Route {
  return parseRoute(globalThis.location.pathname, globalThis.location.search);
}
