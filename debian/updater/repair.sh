#!/bin/sh
# Ends what was interrupted in dpkg, mostly by a power cut, without a network. A package that was being unpacked is repaired
# by no `dpkg --configure -a`; unpacking a file of it once more, of whatever version, does it. So files are kept:
#
#   transaction/  the package files of a change; it is there only until the change has ended. Where that was in vain:
#                 seen, the packages that there were then; tried, in which boot this script did what it can
#   good/         of each package of ours, the version to go back to
#   packages/     of each package of ours, the versions that are kept
#
#   repair.sh boot    at the start of the machine, by inviseobox-updater-repair.service
#   repair.sh         by the updater, which holds its lock already
#
# Exit status: 0 all packages are whole; 1 some are not; 75 somebody else is changing packages.
set -u

state=/var/lib/inviseobox-updater
run=/run/inviseobox-updater
# Seconds for one dpkg. Then it and all that it started is ended, and the next file of the package is tried.
deadline=300
# Seconds to wait for somebody else who changes packages.
patience=600
readonly state run deadline patience
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
waited=0
replaced=
stopping=
# A stop of the unit waits until the dpkg that is at work has ended.
trap 'stopping=yes' TERM

# Lines of packages that are neither whole nor gone: what is wanted, the flag, the state, the name.
unfinished() {
    dpkg-query --show --showformat='${db:Status-Want} ${db:Status-Eflag} ${db:Status-Status} ${Package}\n' 2>/dev/null |
        while read -r want flag status package; do
            case "$flag $status" in
                "ok installed" | "ok config-files" | "ok not-installed") ;;
                *) echo "$want $flag $status $package" ;;
            esac
        done
}

# Dpkg itself says when it has something to end, also of what dpkg-query does not show.
whole() {
    [ -z "$(unfinished)" ] && [ -z "$(dpkg --audit 2>&1)" ]
}

# What is wanted of each package, and its version: this changes only where somebody changes packages.
wishes() {
    dpkg-query --show --showformat='${db:Status-Want} ${Package} ${Version}\n' 2>/dev/null | cksum
}

# Run dpkg, again and again while somebody else has its lock. Units of ours are started by nobody but this script: a service
# that never gets ready would hold dpkg for as long as it may.
#   change {ours|others} ARGUMENT...
change() {
    if [ "$1" = ours ]; then offline=SYSTEMD_OFFLINE=1; else offline=INVISEOBOX_OTHERS=1; fi
    shift
    while [ -z "$stopping" ]; do
        # Without the lock, which a daemon that a package starts would keep.
        env "$offline" timeout --kill-after=10 "$deadline" dpkg --force-confold "$@" \
            </dev/null >"$run/repair.log" 2>&1 9>&-
        result=$?
        grep -q ' was locked by ' "$run/repair.log" || break
        [ "$waited" -lt "$patience" ] || { echo "somebody else is changing packages: nothing is repaired"; exit 75; }
        sleep 5
        waited=$((waited + 5))
    done
    [ -z "$stopping" ] || exit 1
    cat "$run/repair.log"
    if [ $result -eq 124 ]; then
        echo "dpkg did not end within $deadline seconds"
        forget_scripts
    fi
    return $result
}

# What hung may be a script of the version that is to be replaced. Without it, dpkg goes on.
forget_scripts() {
    unfinished | while read -r want flag status package; do
        case $package in
            inviseobox*) for script in prerm postrm; do dpkg-query --control-path "$package" "$script"; done ;;
        esac
    done | xargs -r rm -f
}

# A file that was not written to its end is not to be tried.
complete() {
    dpkg-deb --fsys-tarfile "$1" >/dev/null 2>&1
}

install_files() {
    whose=$1
    shift
    [ $# -gt 0 ] || return 0
    # What is whole already in this version need not be unpacked again, but for ours: it costs little.
    if [ "$whose" = ours ]; then
        replaced=yes
        change ours --install "$@"
    else
        change others --skip-same-version --install "$@"
    fi
}

# Whether all was tried since the start of the machine, and nothing has changed since. Ours are worth another try each time.
is_in_vain() {
    [ "$(cat "$state/transaction/tried" 2>/dev/null)" = "$(cat /proc/sys/kernel/random/boot_id)" ] &&
        [ "$(cat "$state/transaction/seen" 2>/dev/null)" = "$(wishes)" ] &&
        ! whole && ! unfinished | grep -q ' inviseobox'
}

note_in_vain() {
    [ -d "$state/transaction" ] || return 0
    wishes >"$state/transaction/seen"
    cat /proc/sys/kernel/random/boot_id >"$state/transaction/tried"
}

# A change that dpkg has come to an end of is made once more only if somebody wants it still: what was removed since is not
# to come back.
take_up() {
    seen=$(cat "$state/transaction/seen" 2>/dev/null)
    [ -n "$seen" ] || return 0
    if whole || [ "$seen" != "$(wishes)" ]; then
        sync
        forget_transaction
    else
        # From here on it may be cut off again.
        rm -f "$state/transaction/seen" "$state/transaction/tried"
        sync -f "$state"
    fi
}

# Debian's packages first: ours need them.
finish_transaction() {
    for whose in others ours; do
        set --
        for deb in "$state"/transaction/*.deb; do
            complete "$deb" || continue
            case $whose-${deb##*/} in
                ours-inviseobox*) set -- "$@" "$deb" ;;
                others-inviseobox*) ;;
                others-*) set -- "$@" "$deb" ;;
            esac
        done
        install_files $whose "$@"
    done
}

# The files of a package that may be tried, the best first: the one to go back to, then the newest.
files_of() {
    {
        echo "$state/good/$1.deb"
        for folder in "$state/packages" /var/cache/apt/archives; do
            printf '%s\n' "$folder/$1"_*.deb | sort --version-sort --reverse
        done
    } | while read -r deb; do
        ! complete "$deb" || echo "$deb"
    done
}

# What is still not whole: of what was being removed, the removal; of anything else, a file that is there.
mend_each() {
    unfinished >"$run/repair.list"
    while read -r want flag status package; do
        case $package in inviseobox*) whose=ours ;; *) whose=others ;; esac
        case $want in
            deinstall) change $whose --force-remove-reinstreq --remove "$package" ;;
            purge) change $whose --force-remove-reinstreq --purge "$package" ;;
            *)
                # Where dpkg has all the files, it is enough to go on. Of ours, a script that fails fails again.
                [ $whose-$flag-$status = others-ok-unpacked ] || [ $whose-$flag-$status = others-ok-half-configured ] ||
                    for deb in $(files_of "$package"); do
                        install_files $whose "$deb" && break
                    done
                ;;
        esac
    done <"$run/repair.list"
    # Ours first, whose units are not to be started by dpkg.
    set --
    for package in $(unfinished | sed -n 's/^[a-z]* ok .* \(inviseobox.*\)$/\1/p'); do set -- "$@" "$package"; done
    [ $# -eq 0 ] || change ours --configure "$@"
    change others --configure --pending
}

# tell PRIORITY MESSAGE: a line that `journalctl -u inviseobox` shows, too.
tell() {
    echo "$2"
    logger --journald 2>/dev/null <<END
MESSAGE_ID=c5a7bff6df1c4a348a7f093145cc4bc0
MESSAGE=$2
PRIORITY=$1
SYSLOG_IDENTIFIER=inviseobox-updater
INVISEOBOX_VERSION=$version
OBJECT_SYSTEMD_UNIT=inviseobox.service
END
}

# Its name first, in one step: half of it would be taken for a change of its own.
forget_transaction() {
    rm -rf "$state/transaction.old"
    [ ! -d "$state/transaction" ] || mv "$state/transaction" "$state/transaction.old"
    rm -rf "$state/transaction.old"
}

start_again() {
    [ -d /run/systemd/system ] || return 0
    systemctl daemon-reload
    [ -n "$replaced" ] || return 0
    case $(systemctl show --property=ActiveState --value inviseobox.service) in
        active | activating | reloading | failed) systemctl restart --no-block inviseobox.service ;;
        # Somebody may have stopped it since the start of the machine.
        *) [ "$1" != boot ] || ! systemctl --quiet is-enabled inviseobox.service ||
            systemctl start --no-block inviseobox.service ;;
    esac
}

main() {
    mkdir -p "$run"
    [ -d "$state/transaction" ] || ! whole || exit 0
    if [ "$1" = boot ]; then
        exec 9>"$state/lock"
        flock --timeout 60 9 || { echo "the updater is at work, and repairs by itself"; exit 0; }
    elif is_in_vain; then
        exit 1
    fi
    # Whoever is changing packages just now ends that himself: this waits until he has.
    change ours --triggers-only --pending
    [ -d "$state/transaction" ] || ! whole || exit 0
    take_up
    tries=0
    while [ $tries -lt 3 ]; do
        [ ! -d "$state/transaction" ] || finish_transaction
        whole || mend_each
        ! whole || break
        tries=$((tries + 1))
    done
    version=$(dpkg-query --show --showformat='${Version}' inviseobox 2>/dev/null)
    if ! whole; then
        note_in_vain
        tell 3 "a change of packages was interrupted and could not be repaired: $(dpkg --audit | tr '\n' ' ' | cut -c1-300)"
        exit 1
    fi
    # In this order: what the files were kept for is on the disk before they go.
    sync
    forget_transaction
    tell 5 "a change of packages was interrupted and is repaired: inviseobox $version is installed"
    start_again "$1"
}

main "${1-}"
