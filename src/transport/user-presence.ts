import { closeSync, openSync } from 'node:fs';

/**
 * Whether ssh can ask the user for a password. It asks at the terminal of the session, whatever stdin is, or in a window
 * where there is a display (`SSH_ASKPASS`). Under cron or systemd there is neither.
 */
export function canAskUser(): boolean {
  const { DISPLAY = '', WAYLAND_DISPLAY = '', SSH_ASKPASS_REQUIRE } = process.env;
  return hasTerminal() || DISPLAY !== '' || WAYLAND_DISPLAY !== '' || SSH_ASKPASS_REQUIRE === 'force';
}

function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r+'));
    return true;
  } catch {
    // ssh also takes any failure to mean that there is none.
    return false;
  }
}
