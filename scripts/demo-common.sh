# For the demos: a temporary directory, who runs what, and how commands are shown. Sourced, from the top of the checkout.
work=$(mktemp -d /tmp/varve-demo.XXXXXX)
install -m 755 "${VARVE_BINARY:-build/release/src/app/varve}" "$work/varve"
serve_pid=""
as=()
environment=("PATH=$work:$PATH" "HOME=$work" "VARVE_CONFIG=$work/varve.toml")

run() { (cd "$work" && "${as[@]}" env "${environment[@]}" "$@"); }
say() { printf '\n\033[1m# %s\033[0m\n' "$*"; }
# Shows a command as a person would type it, and runs it.
show() {
    printf '$'
    for word in "$@"; do case $word in *[\ \;\(\']*) printf ' "%s"' "${word//$work\//}" ;; *) printf ' %s' "${word//$work\//}" ;; esac; done
    printf '\n'
    run "$@"
}

# Prints the configuration as a person would have written it.
show_config() { sed "s|$work|/demo|g; s/^/    /" "$work/varve.toml"; }

start_service() {
    echo '$ varve serve &'
    (cd "$work" && exec "${as[@]}" env "${environment[@]}" varve serve) >"$work/serve.log" 2>&1 &
    serve_pid=$!
    until [ -S "$work/varve.sock" ]; do
        kill -0 "$serve_pid"
        sleep 0.1
    done
}

# What a demo started itself it ends in end_of_demo.
end_of_demo() { :; }
finish() {
    status=$?
    set +e
    if [ -n "$serve_pid" ]; then kill "$serve_pid" 2>/dev/null; wait "$serve_pid" 2>/dev/null; fi
    end_of_demo
    [ $status -ne 0 ] && tail -n 30 "$work"/*.log >&2
    rm -rf "$work"
    exit $status
}
trap finish EXIT
