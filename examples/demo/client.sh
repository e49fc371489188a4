#!/bin/sh
# Main program of the demonstration's container: serves a page, and keeps asking the unikernel.
set -u
trap 'exit 0' TERM

httpd -p 80 -h /srv

ask()
{
	if answer=$(fetch "http://$2/"); then
		# Lines "key: value" of the unikernel's page.
		facts=$(echo "$answer" | grep -E '^(name|address|uptime_ms|requests):' | tr '\n' ' ')
		echo "$1, http://$2/ answers: $facts"
	else
		echo "$1, http://$2/ does not answer yet"
		return 1
	fi
}

pause=1
while :; do
	if ask 'by name' "$WEB_NAME" && ask 'by service address' "$WEB_ADDRESS"; then
		pause=5
	fi
	sleep "$pause" &
	wait "$!" # unlike sleep itself, it lets the signal through
done
