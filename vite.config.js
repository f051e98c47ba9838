import { resolve } from 'node:path';

/** The page: `src/ui` becomes `dist/ui`, which the admin listener serves at `/`. */
export default {
  root: resolve(import.meta.dirname, 'src/ui'),
  base: '/',
  publicDir: false,
  logLevel: 'warn',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: resolve(import.meta.dirname, 'dist/ui'),
    emptyOutDir: true,
    target: 'es2023',
    // The listener's Content-Security-Policy lets in files only.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
};
