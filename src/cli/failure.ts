/** An end that is no bug: every line goes to stderr as it is, without a stack. */
export class CliFailure extends Error {
  /** 1: it failed; 2: it was asked wrongly. */
  readonly status: 1 | 2;
  readonly lines: readonly string[];

  constructor(lines: string | readonly string[], { status = 1 }: { readonly status?: 1 | 2 } = {}) {
    const all = typeof lines === 'string' ? [lines] : lines;
    super(all.join('\n'));
    this.name = 'CliFailure';
    this.status = status;
    this.lines = all;
  }
}
