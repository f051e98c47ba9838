import type { ClientSetup } from '../../admin/api-types.ts';
import { useResource } from '../api/use-resource.ts';
import { CopyButton } from '../parts/copy-button.tsx';
import { Failure } from '../parts/failure.tsx';
import { Heading } from '../parts/heading.tsx';
import { Skeleton } from '../parts/skeleton.tsx';
import { ClientText } from './client-text.tsx';

/** What to write where, so that clients pull through this mirror. */
export function SetUpView() {
  const { value, failure, reload } = useResource<ClientSetup>('/client-setup');
  return (
    <>
      <Heading text="Set up clients" />
      {failure !== undefined && <Failure what="The texts cannot be shown" failure={failure} onRetry={reload} />}
      {value === undefined && failure === undefined && <Skeleton what="the texts" lines={8} />}
      {value !== undefined && (
        <>
          <p class="lead">
            Clients reach this mirror at <code>{value.publicUrl}</code>{' '}
            <CopyButton text={value.publicUrl} what="the address" />
          </p>
          <p class="hint">
            Not the right address? Set <code>publicUrl</code> in the configuration of the mirror.
          </p>
          <div class="stack">
            {value.clients.map((client) => (
              <ClientText key={client.name} {...client} />
            ))}
          </div>
        </>
      )}
    </>
  );
}
