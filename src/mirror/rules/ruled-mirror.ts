import type { Digest } from '../../oci/digest.ts';
import type { Reference, RepositoryId } from '../../oci/reference.ts';
import type { Catalog } from '../../store/catalog.ts';
import { cutTagPage } from '../listings.ts';
import type { Mirror } from '../mirror-api.ts';
import {
  findDenial,
  hasTagRules,
  requireLeadingTag,
  requireRepository,
  requireTag,
  type PullRuleLists,
} from './pull-rules.ts';

export interface RuledMirrorOptions {
  readonly catalog: Pick<Catalog, 'listTagsLeadingTo'>;
  /** Looked at for each pull: they may change. Undefined: everything of this upstream may be pulled. */
  rulesOf(upstream: string): PullRuleLists | undefined;
}

/**
 * The mirror behind the operator's rules: before the cache or an upstream is asked, whoever asks.
 * Content that is pulled by digest has no tag of its own: it is refused where rules about tags forbid every tag of the
 * repository that the catalog knows to lead to it.
 */
export function createRuledMirror(mirror: Mirror, { catalog, rulesOf }: RuledMirrorOptions): Mirror {
  function requireDigest(id: RepositoryId, digest: Digest): void {
    const lists = rulesOf(id.upstream);
    if (lists === undefined) return;
    requireRepository(lists, id);
    if (hasTagRules(lists, id)) requireLeadingTag(lists, id, catalog.listTagsLeadingTo(id, digest));
  }

  function requireReference(id: RepositoryId, reference: Reference): void {
    if (reference.type === 'digest') return requireDigest(id, reference.digest);
    const lists = rulesOf(id.upstream);
    if (lists !== undefined) requireTag(lists, id, reference.tag);
  }

  return {
    ...mirror,
    recallManifest(pull) {
      requireReference(pull, pull.reference);
      return mirror.recallManifest(pull);
    },
    recallBlob(pull) {
      requireDigest(pull, pull.digest);
      return mirror.recallBlob(pull);
    },
    async getManifest(pull, signal) {
      requireReference(pull, pull.reference);
      return await mirror.getManifest(pull, signal);
    },
    async checkManifest(pull, signal) {
      requireReference(pull, pull.reference);
      return await mirror.checkManifest(pull, signal);
    },
    async headManifest(pull, signal) {
      requireReference(pull, pull.reference);
      return await mirror.headManifest(pull, signal);
    },
    async getBlob(pull, demand, signal) {
      requireDigest(pull, pull.digest);
      return await mirror.getBlob(pull, demand, signal);
    },
    async headBlob(pull, signal) {
      requireDigest(pull, pull.digest);
      return await mirror.headBlob(pull, signal);
    },
    async hasContent(pull) {
      requireDigest(pull, pull.digest);
      return await mirror.hasContent(pull);
    },
    async listTags(pull, signal) {
      const lists = rulesOf(pull.upstream);
      if (lists === undefined) return await mirror.listTags(pull, signal);
      requireRepository(lists, pull);
      if (!hasTagRules(lists, pull)) return await mirror.listTags(pull, signal);
      // Pages are cut from what may be seen, so that none ends with the name of what may not.
      const all = await mirror.listTags({ ...pull, n: undefined, last: undefined }, signal);
      const shown = all.tags.filter((tag) => findDenial(() => requireTag(lists, pull, tag)) === undefined);
      return { ...all, ...cutTagPage(shown, pull) };
    },
    async listReferrers(pull, signal) {
      requireDigest(pull, pull.digest);
      return await mirror.listReferrers(pull, signal);
    },
    listCatalog: () =>
      mirror.listCatalog().filter((id) => {
        const lists = rulesOf(id.upstream);
        return lists === undefined || findDenial(() => requireRepository(lists, id)) === undefined;
      }),
  };
}
