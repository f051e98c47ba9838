import { ImageView } from './image/image-view.tsx';
import { ImagesView } from './images/images-view.tsx';
import { Link } from './link.tsx';
import { OverviewView } from './overview/overview-view.tsx';
import { Heading } from './parts/heading.tsx';
import type { Route } from './router.ts';
import { SetUpView } from './set-up/set-up-view.tsx';
import { WarmUpView } from './warm-up/warm-up-view.tsx';

export function View({ route }: { readonly route: Route }) {
  switch (route.view) {
    case 'overview':
      return <OverviewView />;
    case 'images':
      return <ImagesView query={route.query} />;
    case 'image':
      return <ImageView key={route.reference} reference={route.reference} />;
    case 'warm-up':
      return <WarmUpView />;
    case 'set-up':
      return <SetUpView />;
    case 'unknown':
      return (
        <>
          <Heading text="There is nothing here" />
          <p>
            No view has this address. <Link to={{ view: 'overview' }}>Go to the overview</Link>
          </p>
        </>
      );
  }
}
