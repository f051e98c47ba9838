/** Jest runs what tsc built (tsconfig.tests.json); nothing is transformed here. */
export default {
  rootDir: 'build',
  testEnvironment: 'node',
  testMatch: ['<rootDir>/__tests__/**/*.test.js'],
  transform: {},
  injectGlobals: false,
  testTimeout: 30_000,
  coverageProvider: 'v8',
  coverageDirectory: '<rootDir>/../coverage',
  collectCoverageFrom: ['src/**/*.js'],
};
