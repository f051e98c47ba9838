/** Whether it worked. Over plain HTTP browsers have no `navigator.clipboard`; there the old way is taken. */
export async function writeClipboard(text: string): Promise<boolean> {
  try {
    await globalThis.navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

function copyBySelection(text: string): boolean {
  const area = document.createElement('textarea');
  area.value = text;
  area.readOnly = true;
  area.className = 'visually-hidden';
  const focused = document.activeElement;
  document.body.append(area);
  area.select();
  const copy = (document as unknown as { execCommand?: (command: string) => boolean }).execCommand;
  const isCopied = copy?.call(document, 'copy') ?? false;
  area.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return isCopied;
}
