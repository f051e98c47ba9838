import { useId } from 'preact/hooks';
import type { PlatformChoice, WarmUpFields } from './warm-up-request.ts';

const choices: readonly { readonly choice: PlatformChoice; readonly name: string }[] = [
  { choice: 'own', name: 'the platform of the mirror’s machine' },
  { choice: 'all', name: 'all platforms' },
  { choice: 'some', name: 'these platforms' },
];

interface PlatformFieldProps {
  readonly fields: WarmUpFields;
  /** Empty: none. */
  readonly problem: string;
  onChange(fields: WarmUpFields): void;
}

export function PlatformField({ fields, problem, onChange }: PlatformFieldProps) {
  const errorId = useId();
  const group = useId();
  return (
    <fieldset class="choices">
      <legend>Platforms</legend>
      {choices.map(({ choice, name }) => (
        <label key={choice}>
          <input
            type="radio"
            name={group}
            value={choice}
            checked={fields.choice === choice}
            onChange={() => onChange({ ...fields, choice })}
          />
          <span>{name}</span>
        </label>
      ))}
      {fields.choice === 'some' && (
        <input
          type="text"
          aria-label="Names of platforms"
          placeholder="linux/amd64, linux/arm64"
          spellcheck={false}
          autocapitalize="none"
          value={fields.platforms}
          aria-invalid={problem !== ''}
          aria-describedby={errorId}
          onInput={(event) => onChange({ ...fields, platforms: event.currentTarget.value })}
        />
      )}
      <p id={errorId} class="field-error" role="alert">
        {problem}
      </p>
    </fieldset>
  );
}
