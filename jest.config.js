/** Jest runs what tsc built (tsconfig.tests.json); nothing is transformed here. */
export default {
  rootDir: 'build/__tests__',
  testEnvironment: 'node',
  testMatch: ['**/*.test.js'],
  transform: {},
  injectGlobals: false,
  testTimeout: 30_000,
};
