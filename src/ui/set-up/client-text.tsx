import type { ClientSetup } from '../../admin/api-types.ts';
import { Card } from '../parts/card.tsx';
import { CopyButton } from '../parts/copy-button.tsx';

const names: Readonly<Record<string, string>> = {
  docker: 'Docker',
  containerd: 'containerd',
  podman: 'Podman, CRI-O, Buildah, skopeo',
  buildkit: 'BuildKit',
};

/** The text for one client, to copy. */
export function ClientText({ name, text, notes }: ClientSetup['clients'][number]) {
  const shown = names[name] ?? name;
  return (
    <Card title={shown} aside={<CopyButton text={text} what={`the text for ${shown}`} />}>
      <pre tabIndex={0} aria-label={`Text for ${shown}`}>
        {text}
      </pre>
      {notes.map((note) => (
        <p key={note} class="hint">
          {note}
        </p>
      ))}
    </Card>
  );
}
