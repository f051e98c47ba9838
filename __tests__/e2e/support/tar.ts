export interface TarFile {
  readonly path: string;
  readonly content: Uint8Array | string;
  readonly mode?: number;
}

const blockBytes = 512;

/** A ustar archive of plain files (owner root, time 0), so that the same input gives the same bytes. */
export function createTar(files: readonly TarFile[]): Buffer {
  const blocks: Buffer[] = [];
  for (const file of files) {
    const content = Buffer.from(file.content);
    blocks.push(createHeader(file, content.length), content, Buffer.alloc(-content.length & (blockBytes - 1)));
  }
  return Buffer.concat([...blocks, Buffer.alloc(2 * blockBytes)]);
}

function createHeader(file: TarFile, sizeBytes: number): Buffer {
  const header = Buffer.alloc(blockBytes);
  const writeOctal = (value: number, offset: number, length: number): void => {
    header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset, 'latin1');
  };
  header.write(file.path, 0, 100, 'latin1');
  writeOctal(file.mode ?? 0o644, 100, 8);
  writeOctal(0, 108, 8);
  writeOctal(0, 116, 8);
  writeOctal(sizeBytes, 124, 12);
  writeOctal(0, 136, 12);
  header.write('0', 156, 'latin1');
  header.write('ustar\u000000', 257, 'latin1');
  // The checksum is taken with its own field as spaces.
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}
