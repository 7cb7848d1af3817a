#!/bin/sh
# Keeps the package files of an apt run, so that repair.sh can end it after a power cut without a network. Called by apt,
# see 60inviseobox-updater, which holds dpkg's lock:
#
#   keep-packages.sh before    the files to be installed, one a line on standard input
#   keep-packages.sh after     dpkg has ended
#
# It says nothing and fails never: apt has other things to do.
set -u

state=/var/lib/inviseobox-updater
archives=/var/cache/apt/archives

# keep FILE TARGET. What lies in apt's archives is never written to again. Any other file belongs to somebody.
keep() {
    rm -f "$2.new"
    case $1 in
        "$archives"/*) ln "$1" "$2.new" 2>/dev/null || cp "$1" "$2.new" 2>/dev/null ;;
        *) cp "$1" "$2.new" 2>/dev/null ;;
    esac && mv -f "$2.new" "$2" || rm -f "$2.new"
}

before() {
    rm -rf "$state/transaction.apt" "$state"/packages/*.unwritten
    mkdir -p "$state/packages" "$state/transaction.apt" || return
    while IFS= read -r deb; do
        [ -f "$deb" ] || continue
        keep "$deb" "$state/transaction.apt/${deb##*/}"
        case ${deb##*/} in
            inviseobox*)
                # As apt names them, whatever the file was called: an epoch's colon as %3a.
                name=$(dpkg-deb --show --showformat='${Package}_${Version}_${Architecture}.deb' "$deb" | sed 's/:/%3a/g')
                [ -z "$name" ] || keep "$deb" "$state/packages/$name.unwritten"
                ;;
        esac
    done
    # Dpkg begins only when all of it is on the disk. What an earlier run left is of no use any more: apt would not have
    # come this far if dpkg had something to end.
    sync -f "$state/transaction.apt"
    # Nor has a file its name before: a power cut would leave the name, and nothing in it.
    for kept in "$state"/packages/*.unwritten; do
        [ ! -f "$kept" ] || mv -f "$kept" "${kept%.unwritten}"
    done
    forget
    mv "$state/transaction.apt" "$state/transaction"
    sync -f "$state"
}

# Its name first, in one step: half of it would be taken for a change of its own.
forget() {
    rm -rf "$state/transaction.old"
    [ ! -d "$state/transaction" ] || mv "$state/transaction" "$state/transaction.old"
    rm -rf "$state/transaction.old"
}

# Dpkg has ended. Where packages are broken, files of these stay, with what repair.sh calls seen; not those of what is whole,
# which somebody may remove meanwhile.
after() {
    [ -d "$state/transaction" ] || return
    sync
    if audit=$(dpkg --audit 2>&1) && [ -z "$audit" ]; then
        forget
        return
    fi
    for deb in "$state"/transaction/*.deb; do
        ! is_done "$deb" || rm -f "$deb"
    done
    ls "$state"/transaction/*.deb >/dev/null 2>&1 || forget
    [ ! -d "$state/transaction" ] ||
        dpkg-query --show --showformat='${db:Status-Want} ${Package} ${Version}\n' | cksum >"$state/transaction/seen"
}

is_done() {
    file=$(dpkg-deb --show --showformat='${Package}:${Architecture} ${Version}' "$1" 2>/dev/null) || return
    found=$(dpkg-query --show --showformat='${db:Status-Eflag} ${db:Status-Status} ${Version}' "${file% *}" 2>/dev/null)
    [ "$found" = "ok installed ${file#* }" ]
}

case ${1-} in
    before) before ; cat >/dev/null ;;
    after) after ;;
esac
exit 0
