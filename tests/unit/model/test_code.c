/* Which spellings of code are accepted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "model/code.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void images(void **state)
{
	static const char *const good[] = {
		"docker.io/library/nginx:latest",
		"docker.io/curlimages/curl:7.82.0",
		"docker.io/nginx",
		"ghcr.io/a/b/c_d/e__f/g--h/i.j@sha256:" HEX,
		"ghcr.io/a/b:v1@sha256:" HEX,
		"localhost/x",
		"localhost:5000/x:1",
		"registry:5000/x",
		"127.0.0.1:5000/holm/web:1",
		"[::1]:5000/x",
		"oci:/var/lib/images/web",
		"oci:/var/lib/images/web:v1",
		"oci-archive:/tmp/web.tar:v1",
	};
	static const char *const bad[] = {
		"",
		"nginx",
		"nginx:latest",
		"library/nginx:latest",
		"docker.io/",
		"docker.io/Library/nginx",
		"docker.io//nginx",
		"docker.io/nginx:",
		"docker.io/nginx:-x",
		"docker.io/ng inx",
		"docker.io/nginx\n",
		"docker.io/nginx:a:b",
		"docker.io/nginx@sha256:12",
		"docker.io/nginx@sha512:" HEX HEX,
		"docker.io/nginx@sha256:" HEX "0",
		"docker.io/-nginx",
		"docker.io/a..b",
		"docker.io:99999/nginx",
		"docker.io:/nginx",
		".io/nginx",
		"http://docker.io/nginx",
		"docker.io/../nginx",
		"oci:relative/path",
		"oci:/",
		"oci:/a/../b",
		"oci:/a/..",
		"oci-archive:/a b",
		"containers-docker://registry.example.org/x",
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		if (!code_is_image(good[i]))
			fail_msg("refused %s", good[i]);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (code_is_image(bad[i]))
			fail_msg("accepted %s", bad[i]);
}

static void archives(void **state)
{
	static const char *const good[] = {
		"https://github.com/o/r/releases/download/v1/nginx_amd64.tar.gz",
		"http://10.99.0.1:8080/k.tar.gz#sha256=" HEX,
		"https://example.org/k.tar.gz?token=a/b",
		"file:/srv/k.tar.gz",
		"file:///srv/k.tar.gz#sha256=" HEX,
	};
	static const char *const bad[] = {
		"",
		"https://example.org/k.zip",
		"https://example.org",
		"https:///k.tar.gz",
		"https://example.org?/k.tar.gz",
		"https://example.org/k.zip?x=.tar.gz",
		"https://example.org/k.tar.gz#sha256=12",
		("https://example.org/k.tar.gz#md5=" HEX),
		"https://example.org/a b.tar.gz",
		"ftp://example.org/k.tar.gz",
		"docker.io/library/nginx:latest",
		"file:srv/k.tar.gz",
		"file://host/k.tar.gz",
		"file:/srv/../k.tar.gz",
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		if (!code_is_archive(good[i]))
			fail_msg("refused %s", good[i]);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (code_is_archive(bad[i]))
			fail_msg("accepted %s", bad[i]);
}

static void splitting_keeps_positions(void **state)
{
	auto_strv struct strv urls = { 0 };

	code_split(" a , ,b,", &urls);
	assert_int_equal(urls.n, 4);
	assert_string_equal(urls.items[0], "a");
	assert_string_equal(urls.items[1], "");
	assert_string_equal(urls.items[2], "b");
	assert_string_equal(urls.items[3], "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(images),
		cmocka_unit_test(archives),
		cmocka_unit_test(splitting_keeps_positions),
	};

	return cmocka_run_group_tests_name("model/code", tests, NULL, NULL);
}
