# Stowage as an image: docker build -t stowage .
# Nothing here needs BuildKit; a builder without it works too. NODE_IMAGE may name the same image at another registry.
ARG NODE_IMAGE=node:26-bookworm-slim

# The program, built with everything that building needs.
FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
COPY scripts scripts
# Scripts of packages are not run: the one that this project has serves the Node from npm, which is not used here.
RUN npm ci --ignore-scripts && rm -rf node_modules/node-linux-* node_modules/.bin/node
COPY tsconfig*.json vite.config.* ./
COPY src src
RUN npm run build && chmod 755 dist/main.js

# What the program loads at run time, and no more. This layer changes only with package-lock.json.
FROM ${NODE_IMAGE} AS dependencies
WORKDIR /dependencies
COPY package.json package-lock.json .npmrc ./
COPY scripts/node-libraries scripts/node-libraries
RUN npm ci --omit=dev --omit=optional --ignore-scripts \
 && find node_modules -type f \( -name '*.ts' -o -name '*.cts' -o -name '*.mts' -o -name '*.map' \) -exec rm {} + \
 && rm -rf node_modules/stowage-node-libraries node_modules/.bin

FROM ${NODE_IMAGE} AS runtime
LABEL org.opencontainers.image.title="Stowage" \
      org.opencontainers.image.description="Pull-through caching registry mirror: one upstream transfer, everybody streams" \
      org.opencontainers.image.licenses="Apache-2.0"
# The number is what volumes and Kubernetes see; it stays. A new volume gets the owner of the directory made here.
RUN echo 'stowage:x:10001:10001:Stowage:/var/lib/stowage:/usr/sbin/nologin' >> /etc/passwd \
 && echo 'stowage:x:10001:' >> /etc/group \
 && mkdir -p /etc/stowage /var/lib/stowage \
 && chown 10001:10001 /var/lib/stowage \
 && chmod 700 /var/lib/stowage \
 && ln -s /opt/stowage/dist/main.js /usr/local/bin/stowage
COPY --from=dependencies /dependencies/node_modules /opt/stowage/node_modules
COPY package.json LICENSE /opt/stowage/
COPY packaging/docker/health.js /opt/stowage/
COPY --from=build /build/dist /opt/stowage/dist
ENV NODE_ENV=production \
    STOWAGE__LISTEN=0.0.0.0:5000 \
    STOWAGE__CLIENTS__ALLOW=loopback,private \
    STOWAGE__ADMIN__LISTEN=0.0.0.0:5080 \
    STOWAGE__ADMIN__TOKEN_FILE=/var/lib/stowage/admin-token \
    STOWAGE__ADMIN__CREATE_TOKEN=true \
    STOWAGE__CACHE__PATH=/var/lib/stowage \
    STOWAGE__CACHE__LOCK_WAIT=60s \
    STOWAGE__LIMITS__DRAIN_DELAY=5s
# A file mirror.config.yaml that is mounted here is read; the variables above win over it.
WORKDIR /etc/stowage
USER 10001:10001
VOLUME /var/lib/stowage
EXPOSE 5000 5080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=90s --retries=3 CMD ["node", "/opt/stowage/health.js"]
ENTRYPOINT ["node", "/opt/stowage/dist/main.js"]
CMD ["serve"]
