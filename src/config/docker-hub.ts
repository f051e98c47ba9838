/** Docker Hub goes by three host names and is reached under only one of them. */
export const dockerHub = {
  name: 'docker.io',
  url: 'https://registry-1.docker.io',
  aliases: ['index.docker.io', 'registry-1.docker.io'],
} as const;
