import { useApp } from './app-context.ts';
import { ConnectionMark } from './parts/connection-mark.tsx';
import { Guarded } from './parts/guarded.tsx';
import { NoticeList } from './parts/notice-list.tsx';
import { Link } from './link.tsx';
import { shownRoute } from './navigation.ts';
import { anyImage, type Route } from './router.ts';
import { useStore } from './store.ts';
import { TokenForm } from './token/token-form.tsx';
import { View } from './view.tsx';

const places: readonly { readonly name: string; readonly to: Route }[] = [
  { name: 'Overview', to: { view: 'overview' } },
  { name: 'Images', to: { view: 'images', query: anyImage } },
  { name: 'Warm up', to: { view: 'warm-up' } },
  { name: 'Set up', to: { view: 'set-up' } },
];

export function App() {
  const { session } = useApp();
  const route = useStore(shownRoute);
  const isRefused = useStore(session.isRefused);
  const shown = route.view === 'image' ? 'images' : route.view;
  return (
    <>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <header class="top">
        <div class="top-inner">
          <span class="brand">Stowage</span>
          <nav aria-label="Views">
            {places.map(({ name, to }) => (
              <Link key={name} to={to} isCurrent={to.view === shown}>
                {name}
              </Link>
            ))}
          </nav>
          <ConnectionMark />
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        {isRefused ? (
          <TokenForm />
        ) : (
          <Guarded key={route.view}>
            <View route={route} />
          </Guarded>
        )}
      </main>
      <NoticeList />
    </>
  );
}
