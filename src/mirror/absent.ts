import { isMirrorError, MirrorError } from '../oci/errors.ts';

/** The one answer for a blob that upstream lacks, denies or hides: the three must not be told apart. */
export function blobUnknown(isDenial = false): MirrorError {
  return new MirrorError({ kind: 'blob-unknown', message: 'the repository has no such blob', isFinal: true, isDenial });
}

/** The one answer for a manifest that is not there or not to be seen. */
export function manifestUnknown(isDenial = false): MirrorError {
  const message = 'the repository has no such manifest';
  return new MirrorError({ kind: 'manifest-unknown', message, isFinal: true, isDenial });
}

/** An upstream's "no" to a pull by digest becomes `unknown`; everything else stays what it is. */
export function hideDenial(error: unknown, unknown: (isDenial: boolean) => MirrorError): unknown {
  return isMirrorError(error, 'blob-unknown', 'manifest-unknown', 'upstream-denied') ? unknown(error.isDenial) : error;
}
