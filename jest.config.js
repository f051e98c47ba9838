/** Jest runs what tsc built (tsconfig.tests.json); nothing is transformed here. */
export default {
  rootDir: 'build',
  testEnvironment: 'node',
  setupFiles: ['<rootDir>/__tests__/support/property-seed.js'],
  testMatch: ['<rootDir>/__tests__/**/*.test.js'],
  transform: {},
  injectGlobals: false,
  testTimeout: 30_000,
  coverageProvider: 'v8',
  coverageDirectory: '<rootDir>/../coverage',
  collectCoverageFrom: ['src/**/*.js'],
};
