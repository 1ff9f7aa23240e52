# WCA: what this pex cannot run without, each checked in one sentence. Reached on the first run
# only: later runs have already left for the installed copy above.
wca_fits() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}
wca_check_python() {
    if [ -n "${PEX_PYTHON:-}" ]; then
        set -- "${PEX_PYTHON}"
    else
        set -- python3 python3.11 python3.12 python3.13 python3.14 python3.15 \
            python3.10 python3.9 python3.8 python
    fi
    wca_found=""
    for wca_name in "$@"; do
        wca_path="$(command -v "${wca_name}" 2>/dev/null)" || continue
        if wca_fits "${wca_path}"; then
            # The one that works, not the first of its name: pyenv has a python3.13 on PATH for a
            # version that it then refuses to run.
            [ -n "${PEX_PYTHON:-}" ] || DEFAULT_PYTHON="${wca_path}"
            return 0
        fi
        if [ -z "${wca_found}" ]; then
            wca_found="$("${wca_path}" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' \
                2>/dev/null)" && wca_found="Python ${wca_found} (${wca_path})" || wca_found=""
        fi
    done
    echo >&2 "wca needs Python 3.11 or later and found ${wca_found:-no Python at all}:" \
        "install one and put it on PATH, or name it in PEX_PYTHON"
    exit 1
}
wca_check_cache() {
    if ! mkdir -p "${PEX_ROOT}" 2>/dev/null || [ ! -w "${PEX_ROOT}" ]; then
        echo >&2 "wca unpacks itself once into ${PEX_ROOT}, which cannot be written:" \
            "set PEX_ROOT to a folder that can"
        exit 1
    fi
}
wca_check_path() {
    wca_ifs=$IFS
    IFS=:
    for wca_entry in ${PEX_PATH:-}; do
        if [ ! -e "${wca_entry}" ]; then
            echo >&2 "PEX_PATH names ${wca_entry}, which does not exist"
            exit 1
        fi
    done
    IFS=$wca_ifs
}
wca_check_path
if [ -z "${PEX_PYTHON_PATH:-}" ]; then
    wca_check_python
fi
wca_check_cache

