/* Options of `holm up` that say where the API is, and with which certificate. */
#include "daemon/listen.h"
#include "wire/certificate/certificate.h"

/* Certificate and key of the user's come together, and for TLS. */
static int check_tls(const struct cli_call *call, bool is_tls, struct roles_options *options)
{
	const char *names = cli_value(call, "tls-name");
	auto_strv struct strv given = { 0 };

	options->tls_certificate = cli_value(call, "tls-certificate");
	options->tls_key = cli_value(call, "tls-key");
	if (!options->tls_certificate != !options->tls_key)
		return cli_error(call, CLI_USAGE,
				 "--tls-certificate and --tls-key: one is of no use without the "
				 "other");
	if (options->tls_key && !is_tls)
		return cli_error(call, CLI_USAGE,
				 "--tls-certificate: the API is without TLS: give it as --api "
				 "https://ADDRESS:PORT");
	if (names && (!is_tls || options->tls_key))
		return cli_error(
			call, CLI_USAGE,
			"--tls-name: it is for a certificate of the server's own authority: "
			"--api https://ADDRESS:PORT without --tls-certificate");
	strv_split(&given, names ? names : "", ",");
	for (size_t i = 0; i < given.n; i++)
		if (!certificate_is_name(given.items[i]))
			return cli_error(
				call, CLI_USAGE,
				"--tls-name %s: it is neither a host's name nor an address",
				given.items[i]);
	options->is_tls = is_tls;
	return CLI_OK;
}

int listen_parse(const struct cli_call *call, struct roles_options *options, char **ret_address)
{
	const char *text = call->api ? call->api : "127.0.0.1:10000";
	bool is_tls = str_starts(text, "https://");
	uint32_t port;

	if (is_tls || str_starts(text, "http://"))
		text = strchr(text, ':') + strlen("://");
	const char *colon = strrchr(text, ':');
	if (!colon || colon == text || parse_u32(colon + 1, 1, 65535, &port) < 0)
		return cli_error(call, CLI_USAGE,
				 "--api %s: expected ADDRESS:PORT or https://ADDRESS:PORT", text);
	bool is_bracketed = text[0] == '[' && colon[-1] == ']';
	*ret_address = is_bracketed ? xstrndup(text + 1, (size_t)(colon - text) - 2)
				    : xstrndup(text, (size_t)(colon - text));
	options->api_port = (uint16_t)port;
	return check_tls(call, is_tls, options);
}
