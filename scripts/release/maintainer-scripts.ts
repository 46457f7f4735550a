/** Owns what packages do when they are installed, upgraded and removed. */

/**
 * Makes the group, and lets a daemon that runs replace itself by the new program. A daemon that cannot do
 * that is restarted. Nothing is enabled or started.
 */
export const AFTER_INSTALL = `getent group negotiator >/dev/null 2>&1 ||
	groupadd --system negotiator 2>/dev/null || addgroup -S negotiator 2>/dev/null || true
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
	udevadm control --reload 2>/dev/null || true
fi
for role in host guest; do
	if [ -S "/run/negotiator/$role.sock" ]; then
		/usr/bin/negotiator "$role" reexec ||
			systemctl try-restart "negotiator-$role" 2>/dev/null ||
			rc-service --ifstarted "negotiator-$role" restart 2>/dev/null ||
			echo "Restart the $role's daemon: it still runs the old program" >&2
	fi
done
`;

/** Stops and disables the services. */
export const BEFORE_REMOVAL = `for role in host guest; do
	if [ -d /run/systemd/system ]; then
		systemctl disable --now "negotiator-$role" 2>/dev/null || true
	elif command -v rc-service >/dev/null 2>&1; then
		rc-service --ifstarted "negotiator-$role" stop 2>/dev/null || true
		rc-update --quiet del "negotiator-$role" default 2>/dev/null || true
	fi
	# What enables them where systemd does not run.
	rm -f /etc/systemd/system/*.wants/"negotiator-$role.service"
done
`;

/** Makes systemd forget the units. */
export const AFTER_REMOVAL = `if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
fi
`;

/**
 * Removes config, state and kept output, as `install --uninstall --purge` does. Policy, commands and audit
 * stay.
 */
export const PURGE = `rm -rf /var/lib/negotiator/host /var/lib/negotiator/guest
rm -f /var/lib/negotiator/install-host.json /var/lib/negotiator/install-guest.json
rm -f /etc/negotiator/negotiator.toml
rmdir /var/lib/negotiator /etc/negotiator/commands /etc/negotiator 2>/dev/null || true
`;

/** Returns a script of these lines, under a condition of the shell if there is one. */
export function shellScript(lines: string, condition?: string): string {
  const body = condition === undefined ? lines : `if ${condition}; then\n${lines}fi\n`;
  return `#!/bin/sh\nset -e\n${body}exit 0\n`;
}
