// A store that never lies and never fills the disk.
import type { Row } from './bench.ts';
import { catalogRow } from './catalog-row.ts';
import { damageRows } from './damage-rows.ts';
import { fullDiskRows } from './full-disk-rows.ts';
import { ownerRow } from './owner-row.ts';
import { quotaRows } from './quota-rows.ts';

/** Their names begin with `store:`, so that `npm run measure -- store:` runs them alone. */
export const storeRows: readonly Row[] = [...quotaRows, ...fullDiskRows, ...damageRows, catalogRow, ownerRow];
