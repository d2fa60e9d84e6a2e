# A static binary in an empty image, run by a user who is not root.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN make build
RUN mkdir -p /empty/data

FROM scratch
WORKDIR /
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /src/bin/alertd /alertd
COPY --from=build /src/config/docker.toml /etc/alertd/config.toml
COPY --from=build --chown=65532:65532 /empty/data /data
USER 65532:65532
# data/alertd.db, where the configuration has the event log, is in here.
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["/alertd", "healthcheck", "--config", "/etc/alertd/config.toml", "--listen", "127.0.0.1:8080"]
# The configuration needs ALERTD_ADMIN_HASH: without a token alertd does not listen beyond loopback.
ENTRYPOINT ["/alertd"]
CMD ["serve", "--config", "/etc/alertd/config.toml", "--listen", "0.0.0.0:8080", "--log-format", "json"]
