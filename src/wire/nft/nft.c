/* libnftables behind two calls. */
#include <linux/netlink.h>
#include <sys/socket.h>

#include <nftables/libnftables.h>

#include "wire/nft/nft.h"

struct nft {
	struct nft_ctx *ctx;
};

/* libnftables ends the program when it gets no socket. */
static int check_socket(struct err *err)
{
	auto_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

	return fd < 0 ? err_errno(err, "open netfilter socket") : 0;
}

int nft_open(struct nft **ret, struct err *err)
{
	auto_(nft_close) struct nft *nft = NEW(struct nft);
	int r = check_socket(err);

	if (r < 0)
		return r;
	nft->ctx = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!nft->ctx || nft_ctx_buffer_error(nft->ctx) || nft_ctx_buffer_output(nft->ctx))
		return err_set(err, -ENOMEM, "open nftables");
	*ret = TAKE(nft);
	return 0;
}

struct nft *nft_close(struct nft *nft)
{
	if (nft && nft->ctx)
		nft_ctx_free(nft->ctx);
	free(nft);
	return NULL;
}

/* "internal:0:0-0: Error: Could not process rule: No such file or directory\n<the line>\n^^^" */
static int set_error(struct nft *nft, const char *commands, struct err *err)
{
	const char *text = nft_ctx_get_error_buffer(nft->ctx);
	const char *what = strstr(text, "Error: ");
	const char *place = strchr(text, ':');
	size_t first = strcspn(commands, "\n");

	what = what ? what + strlen("Error: ") : text;
	return err_set(err, -EIO, "run nftables commands \"%.*s%s\": %.*s (line %.*s)",
		       first > 60 ? 60 : (int)first, commands, commands[first] ? " …" : "",
		       (int)strcspn(what, "\n"), what, place ? (int)strcspn(place + 1, ":") : 0,
		       place ? place + 1 : "");
}

int nft_run(struct nft *nft, const char *commands, struct err *err)
{
	if (nft_run_cmd_from_buffer(nft->ctx, commands) < 0)
		return set_error(nft, commands, err);
	return 0;
}

int nft_list(struct nft *nft, const char *command, char **ret, struct err *err)
{
	if (nft_run_cmd_from_buffer(nft->ctx, command) < 0)
		return set_error(nft, command, err);
	*ret = xstrdup(nft_ctx_get_output_buffer(nft->ctx));
	return 0;
}
