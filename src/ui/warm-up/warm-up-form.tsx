import { useId, useRef, useState } from 'preact/hooks';
import type { Job } from '../../admin/api-types.ts';
import { toFailure } from '../api/api-failure.ts';
import { useApp } from '../app-context.ts';
import { Card } from '../parts/card.tsx';
import { formatCounted } from '../format.ts';
import { PlatformField } from './platform-field.tsx';
import { findProblem, placeProblem, toPullRequest, type FieldProblem, type WarmUpFields } from './warm-up-request.ts';

const emptyFields: WarmUpFields = { references: '', choice: 'own', platforms: '' };

/** Which images to bring here, and for which platforms. */
export function WarmUpForm() {
  const { api, live, notices } = useApp();
  const [fields, setFields] = useState(emptyFields);
  const [problem, setProblem] = useState<FieldProblem>();
  const [isRunning, setRunning] = useState(false);
  const area = useRef<HTMLTextAreaElement>(null);
  const id = useId();
  const hint = useId();
  const errorId = useId();

  const complain = (found: FieldProblem): void => {
    setProblem(found);
    if (found.field === 'references') area.current?.focus();
  };
  const submit = async (): Promise<void> => {
    const found = findProblem(fields);
    if (found !== undefined) return complain(found);
    setProblem(undefined);
    setRunning(true);
    try {
      const job = await api.post<Job>('/pull', toPullRequest(fields));
      live.takeJob(job);
      notices.tell(`The warm-up of ${formatCounted(job.items.length, 'image')} has begun`);
      setFields({ ...fields, references: '' });
    } catch (error) {
      const failure = toFailure(error);
      complain(placeProblem(fields, failure.message, failure.field));
    } finally {
      setRunning(false);
    }
    return undefined;
  };

  const textOf = (field: FieldProblem['field']): string => (problem?.field === field ? problem.text : '');
  return (
    <Card title="Images to fetch">
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          if (!isRunning) void submit();
        }}
      >
        <label htmlFor={id}>References</label>
        <textarea
          id={id}
          ref={area}
          rows={6}
          spellcheck={false}
          autocapitalize="none"
          placeholder={'alpine:3.20\nghcr.io/org/app:v1'}
          value={fields.references}
          aria-describedby={`${hint} ${errorId}`}
          aria-invalid={problem?.field === 'references'}
          onInput={(event) => setFields({ ...fields, references: event.currentTarget.value })}
        />
        <p id={errorId} class="field-error" role="alert">
          {textOf('references')}
        </p>
        <p id={hint} class="hint">
          One a line. Names without a registry belong to the default upstream.
        </p>
        <PlatformField fields={fields} problem={textOf('platforms')} onChange={setFields} />
        <p class="field-error" role="alert">
          {textOf('form')}
        </p>
        <button type="submit" class="primary" aria-disabled={isRunning}>
          Warm up
        </button>
      </form>
    </Card>
  );
}
