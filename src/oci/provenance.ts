/**
 * How content came to us, which decides who may see it (design, section 7).
 * `public`: an anonymous request for that repository and digest succeeded.
 * `restricted`: it took a login; leaves only through a link.
 */
export type Provenance = 'public' | 'restricted';
