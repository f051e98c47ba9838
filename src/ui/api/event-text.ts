/** One server-sent message. */
export interface Message {
  readonly type: string;
  readonly data: string;
}

/**
 * Takes text as it comes, in pieces cut anywhere, and gives the messages that have become whole. Comments (which keep
 * a connection alive) and messages without data give none.
 */
export function createEventParser(): (text: string) => Message[] {
  let rest = '';
  let type = '';
  let data: string[] = [];
  return (text) => {
    const lines = (rest + text).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    const messages: Message[] = [];
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0) messages.push({ type: type === '' ? 'message' : type, data: data.join('\n') });
        type = '';
        data = [];
        continue;
      }
      const { field, value } = splitLine(line);
      if (field === 'event') type = value;
      if (field === 'data') data.push(value);
    }
    return messages;
  };
}

/** One space after the colon is no part of the value. Text may hold anything else, line ends of Unicode's own too. */
function splitLine(line: string): { readonly field: string; readonly value: string } {
  const colon = line.indexOf(':');
  if (colon < 0) return { field: line, value: '' };
  return { field: line.slice(0, colon), value: line.slice(line.startsWith(' ', colon + 1) ? colon + 2 : colon + 1) };
}
