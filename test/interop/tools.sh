# Sourced by the suites that need programs of others. `need_tools NAME...` sees to it that each of them is on the PATH: built
# in the version that is named here into a folder of their own, where the next run finds it, unless it is there already.
# Where there is no Go to build what is missing, it says so and ends the suite.

tools=${STEMMA_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/stemma/tools}
PATH=$tools:$PATH

tool_module() {
  case $1 in
    conformance) echo github.com/opencontainers/distribution-spec/conformance@v0.0.0-20260831232431-97274622c111 ;;
    cosign) echo github.com/sigstore/cosign/v3/cmd/cosign@v3.1.2 ;;
    oras) echo oras.land/oras/cmd/oras@v1.3.3 ;;
    regctl) echo github.com/regclient/regclient/cmd/regctl@v0.11.5 ;;
    crane) echo github.com/google/go-containerregistry/cmd/crane@v0.21.9 ;;
    registry) echo github.com/distribution/distribution/v3/cmd/registry@v3.1.1 ;;
  esac
}

need_tools() {
  for name in "$@"; do
    command -v "$name" >/dev/null && continue
    if ! command -v go >/dev/null; then
      echo "SKIPPED: $name is not there, and building it needs Go 1.26 or newer"
      exit 0
    fi
    echo "building $name"
    mkdir -p "$tools"
    GOBIN=$tools CGO_ENABLED=0 go install -p 2 "$(tool_module "$name")"
  done
}
