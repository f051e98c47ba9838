import { useId, useState } from 'preact/hooks';
import { useApp } from '../app-context.ts';
import { Heading } from '../parts/heading.tsx';
import { useStore } from '../store.ts';

/** Asks for the admin token; shown while the API refuses. */
export function TokenForm() {
  const { session } = useApp();
  const wasWrong = useStore(session.token) !== undefined;
  const [text, setText] = useState('');
  const hint = useId();
  const errorId = useId();
  const id = useId();
  return (
    <>
      <Heading text="Sign in" />
      <form
        class="card token-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (text.trim() !== '') session.signIn(text.trim());
        }}
      >
        <label htmlFor={id}>Admin token</label>
        <input
          id={id}
          type="password"
          autocomplete="current-password"
          required
          value={text}
          aria-describedby={`${hint} ${errorId}`}
          aria-invalid={wasWrong}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <p id={errorId} class="field-error" role="alert">
          {wasWrong ? 'The mirror does not accept this token.' : ''}
        </p>
        <p id={hint} class="hint">
          It is in the file that <code>admin.tokenFile</code> names. The page keeps it until this tab is closed.
        </p>
        <button type="submit" class="primary">
          Sign in
        </button>
      </form>
    </>
  );
}
