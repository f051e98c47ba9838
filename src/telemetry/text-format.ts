import { isRecord } from '../oci/json.ts';

/** Where lines go; each ends with a newline. */
export interface LogSink {
  write(line: string): void;
  /** Writes at once what waits to be written with more. */
  flush?(): void;
}

/** Turns lines of JSON into `12:30:01.250 INFO  message key=value …`, for a terminal. */
export function createTextFormat(sink: LogSink): LogSink {
  return {
    write(line) {
      sink.write(formatLine(line));
    },
  };
}

function formatLine(line: string): string {
  const record: unknown = JSON.parse(line);
  if (!isRecord(record)) return line;
  const { level, time, msg, err, ...fields } = record;
  const facts = Object.entries(fields).map(([key, value]) => ` ${key}=${formatValue(value)}`);
  const head = `${String(time).slice(11, 23)} ${String(level).toUpperCase().padEnd(5)} ${String(msg)}`;
  return `${escapeControls(`${head}${facts.join('')}`)}${formatError(err)}\n`;
}

function formatValue(value: unknown): string {
  return typeof value === 'string' && /^[\w.:/@+-]+$/.test(value) ? value : JSON.stringify(value);
}

/** The stack on lines of its own, indented; it begins with name and message. */
function formatError(error: unknown): string {
  if (!isRecord(error)) return '';
  const { stack, message } = error;
  const lines = String(stack ?? message).split('\n');
  return lines.map((each) => `\n    ${escapeControls(each)}`).join('');
}

/** What a client sends must not move the cursor, colour the screen or begin a line that looks like one of ours. */
function escapeControls(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, (character) => {
    return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;
  });
}
