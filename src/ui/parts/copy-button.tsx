import { useEffect, useRef, useState } from 'preact/hooks';
import { useApp } from '../app-context.ts';
import { writeClipboard } from './clipboard.ts';

/** `what`: what is copied, for people who cannot see where the button stands. */
export function CopyButton({ text, what }: { readonly text: string; readonly what: string }) {
  const { notices } = useApp();
  const [isCopied, setCopied] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = async (): Promise<void> => {
    if (!(await writeClipboard(text))) {
      notices.complain('this browser does not let the page copy: select the text and copy it yourself');
      return;
    }
    notices.tell(`${what} copied`);
    setCopied(true);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setCopied(false), 2000);
  };
  return (
    <button type="button" class="small" aria-label={`Copy ${what}`} onClick={() => void copy()}>
      {isCopied ? 'Copied' : 'Copy'}
    </button>
  );
}
