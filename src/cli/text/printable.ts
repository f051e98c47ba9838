/** Everything that moves a cursor, colours, breaks or turns a line round, and halves of characters. */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/**
 * Text from outside (names, upstream's words) as one harmless line: escape sequences to a terminal are an attack.
 * What must not be shown becomes U+FFFD.
 */
export function toPrintable(text: string): string {
  return text.replace(unprintable, '\ufffd');
}

/** One line of JSON that is harmless on a terminal too: JSON itself escapes less. */
export function formatJson(value: unknown): string {
  const text = JSON.stringify(value).replace(unprintable, (character) => {
    const units = Array.from({ length: character.length }, (_, index) => character.charCodeAt(index));
    return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
  });
  return `${text}\n`;
}
