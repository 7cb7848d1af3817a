#!/bin/sh
# Brings the last good version of inviseobox-updater back where the one that is installed does not work. It belongs to the
# package inviseobox, so that a broken updater cannot break it too. Started hourly by inviseobox-updater-rescue.timer, and
# when a run of the updater has failed.
set -u

state=/var/lib/inviseobox-updater
good=$state/good/inviseobox-updater.deb
pin=/etc/apt/preferences.d/inviseobox-updater-rescue
# How many looks a version has, an hour apart, to end a run properly.
looks=3
unfinished="its installation was not finished"
# Seconds to wait for somebody else who changes packages.
patience=300
hung=
readonly state good pin looks unfinished
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
stopping=
# A stop of the unit waits until the dpkg that is at work has ended; no other one begins.
trap 'stopping=yes' TERM

# tell MESSAGE: a line that `journalctl -u inviseobox` shows, too.
tell() {
    echo "$1"
    logger --journald 2>/dev/null <<END
MESSAGE_ID=8d12ad5acc0746398e054e0024bd9659
MESSAGE=$1
PRIORITY=4
SYSLOG_IDENTIFIER=inviseobox-updater
INVISEOBOX_VERSION=$version
OBJECT_SYSTEMD_UNIT=inviseobox.service
END
}

# What dpkg knows of the installed version. Where somebody removed the package, there is nothing to bring back.
look() {
    installed=$(dpkg-query --show --showformat='${db:Status-Want} ${db:Status-Eflag} ${db:Status-Status} ${Version}' \
        inviseobox-updater 2>/dev/null) || exit 0
    case $installed in
        deinstall* | purge* | *" config-files "* | *" not-installed "*) exit 0 ;;
    esac
    version=${installed##* }
    status=${installed#* }
    status=${status% *}
}

# Why the installed version cannot work; nothing if it may.
fault() {
    if [ "$status" != "ok installed" ]; then
        echo "$unfinished"
    elif ! works; then
        echo "it does not start"
    fi
}

# A wrong configuration (exit status 78) is no fault of the version.
works() {
    timeout --kill-after=10 60 /usr/sbin/inviseobox-updater self-test >/dev/null 2>&1
    case $? in
        0 | 78) ;;
        *) return 1 ;;
    esac
}

# Why the installed version is not to stay, though it seems to work: it has had its time to end a run.
unproven() {
    [ "$version" != "$(cat "$state/updater-proven" 2>/dev/null)" ] || return
    # Where nobody starts it, it ends no run.
    systemctl --quiet is-active inviseobox-updater.timer || return
    # Nor where its configuration is wrong.
    [ "$(systemctl show --property=ExecMainStatus --value inviseobox-updater.service 2>/dev/null)" != 78 ] || return
    seen=0
    read -r seen_version seen 2>/dev/null <"$state/rescue-looks" && [ "$seen_version" = "$version" ] || seen=0
    seen=$((seen + 1))
    echo "$version $seen" >"$state/rescue-looks"
    [ $seen -lt $looks ] || echo "it ended no run properly in $looks hours"
}

# All files of the package that may be tried, the best first: those that were written to their end.
files() {
    {
        echo "$good"
        printf '%s\n' "$state"/packages/inviseobox-updater_*.deb | sort --version-sort --reverse
    } | while read -r deb; do
        ! dpkg-deb --fsys-tarfile "$deb" >/dev/null 2>&1 || echo "$deb"
    done
}

# change ARGUMENT...: run dpkg, again while somebody else has its lock. Units are started by this script alone.
change() {
    while :; do
        [ -z "$stopping" ] || exit 1
        said=$(SYSTEMD_OFFLINE=1 timeout --kill-after=10 300 dpkg --force-confold "$@" </dev/null 2>&1 9>&-)
        result=$?
        case $said in
            *" was locked by "*) ;;
            *) break ;;
        esac
        [ "$patience" -gt 0 ] || { echo "somebody else is changing packages: nothing is brought back"; exit 75; }
        sleep 10
        patience=$((patience - 10))
    done
    [ -z "$said" ] || echo "$said"
    if [ $result -eq 124 ]; then
        # What hung may be a script of the version that is to be replaced. Without it, dpkg goes on.
        for script in prerm postrm; do dpkg-query --control-path inviseobox-updater "$script"; done | xargs -r rm -f
        [ -n "$hung" ] || { hung=yes && change "$@"; return; }
    fi
    return $result
}

# bring_back REASON
bring_back() {
    for deb in $(files); do
        other=$(dpkg-deb --field "$deb" Version 2>/dev/null) || continue
        [ "$other" != "$version" ] || [ "$1" = "$unfinished" ] || continue
        # Apt takes it no more; a newer one it does.
        if [ "$other" != "$version" ]; then
            printf 'Package: inviseobox-updater\nPin: version %s\nPin-Priority: -1\n' "$version" >"$pin.new"
            sync "$pin.new"
            mv "$pin.new" "$pin"
        fi
        change --install "$deb" && works || continue
        sync
        rm -f "$state/rescue-looks"
        tell "inviseobox-updater $version was taken back to $other: $1"
        if [ -d /run/systemd/system ]; then
            systemctl daemon-reload
            systemctl reset-failed inviseobox-updater.service
            systemctl try-restart inviseobox-updater.timer inviseobox-updater-boot.timer
        fi
        return 0
    done
    tell "inviseobox-updater $version does not work ($1), and no other version of it is on the disk"
    return 1
}

# The pin is of no use once a newer version has shown that it works.
unpin() {
    bad=$(sed -n 's/^Pin: version //p' "$pin" 2>/dev/null)
    [ -n "$bad" ] && [ "$version" = "$(cat "$state/updater-proven" 2>/dev/null)" ] || return 0
    ! dpkg --compare-versions "$version" gt "$bad" || rm -f "$pin"
}

[ -f "$good" ] || exit 0
look
exec 9>"$state/lock"
# Somebody is at work there, so it works.
flock --nonblock 9 || exit 0
reason=$(fault)
if [ -n "$reason" ]; then
    # It may be being replaced just now: look once more when nobody is changing packages.
    change --triggers-only --pending
    look
    reason=$(fault)
fi
[ -n "$reason" ] || reason=$(unproven)
if [ -n "$reason" ]; then bring_back "$reason"; else unpin; fi
