import type { ConfigurationState } from '../../admin/api-types.ts';
import { Age } from '../parts/age.tsx';

/** Shown when the last attempt to load the configuration changed nothing. */
export function ConfigurationProblems({ configuration }: { readonly configuration: ConfigurationState }) {
  const { problems, file, loadedAt } = configuration;
  if (problems.length === 0) return null;
  return (
    <section class="failure" aria-label="Problems of the configuration">
      <div>
        <p>
          <strong>The configuration{file === null ? '' : ` in ${file}`} was not loaded.</strong> The one of{' '}
          <Age at={loadedAt} /> is in use.
        </p>
        <ul>
          {problems.map((problem) => (
            <li key={problem}>{problem}</li>
          ))}
        </ul>
      </div>
    </section>
  );
}
