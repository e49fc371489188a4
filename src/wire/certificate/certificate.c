/* By libcrypto. */
#include <arpa/inet.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "base/base.h"
#include "base/base64.h"
#include "wire/certificate/certificate.h"

#define SERIAL_BYTES 16
#define DNS_NAME_MAX 253

#define auto_pkey __attribute__((cleanup(pkey_fini)))
#define auto_x509 __attribute__((cleanup(x509_fini)))
#define auto_bio  __attribute__((cleanup(bio_fini)))

static void pkey_fini(EVP_PKEY **pkey)
{
	EVP_PKEY_free(*pkey);
}

static void x509_fini(X509 **x509)
{
	X509_free(*x509);
}

static void bio_fini(BIO **bio)
{
	BIO_free(*bio);
}

static void names_fini(GENERAL_NAMES **names)
{
	GENERAL_NAMES_free(*names);
}

/* What cannot fail but for want of memory. */
static void must(bool is_done)
{
	if (!is_done) {
		log_error("certificate: %s", ERR_reason_error_string(ERR_peek_last_error()));
		abort();
	}
}

static void take_text(BIO *bio, struct secret *ret)
{
	char *text;
	long len = BIO_get_mem_data(bio, &text);

	secret_set(ret, text, (size_t)len);
}

/* Nobody is asked for a password. */
static int no_password(char *out, int size, int is_writing, void *arg)
{
	return -1;
}

static BIO *open_text(const struct secret *text)
{
	BIO *bio = BIO_new_mem_buf(text->bytes ? (const char *)text->bytes : "", (int)text->len);

	must(bio);
	return bio;
}

static int parse_key(const struct secret *text, EVP_PKEY **ret, struct err *err)
{
	auto_bio BIO *bio = open_text(text);
	EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);

	ERR_clear_error();
	if (!pkey)
		return err_set(err, -EBADMSG, "it is no private key (PEM without a password)");
	*ret = pkey;
	return 0;
}

static int parse_certificate(const struct secret *text, X509 **ret, struct err *err)
{
	auto_bio BIO *bio = open_text(text);
	X509 *x509 = PEM_read_bio_X509(bio, NULL, no_password, NULL);

	ERR_clear_error();
	if (!x509)
		return err_set(err, -EBADMSG, "it is no certificate (PEM)");
	*ret = x509;
	return 0;
}

void certificate_make_key(struct secret *ret)
{
	auto_pkey EVP_PKEY *pkey = EVP_EC_gen("P-256");
	auto_bio BIO *bio = BIO_new(BIO_s_secmem());

	must(pkey && bio && PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL));
	take_text(bio, ret);
}

/* Making */

static bool is_address(const char *text)
{
	unsigned char bytes[16];

	return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

static bool is_label(const char *text, size_t len)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-_";

	return len && len <= 63 && strspn(text, letters) >= len && text[0] != '-' &&
	       text[len - 1] != '-';
}

bool certificate_is_name(const char *text)
{
	if (is_address(text))
		return true;
	if (str_starts(text, "*."))
		text += 2;
	if (strlen(text) > DNS_NAME_MAX)
		return false;
	for (;;) {
		size_t len = strcspn(text, ".");

		if (!is_label(text, len))
			return false;
		if (!text[len])
			return true;
		text += len + 1;
	}
}

static GENERAL_NAME *make_name(const char *text)
{
	GENERAL_NAME *name = GENERAL_NAME_new();

	must(name);
	if (is_address(text)) {
		ASN1_OCTET_STRING *address = a2i_IPADDRESS(text);

		must(address);
		GENERAL_NAME_set0_value(name, GEN_IPADD, address);
		return name;
	}
	ASN1_IA5STRING *dns = ASN1_IA5STRING_new();
	must(dns && ASN1_STRING_set(dns, text, (int)strlen(text)));
	GENERAL_NAME_set0_value(name, GEN_DNS, dns);
	return name;
}

static int add_names(X509 *x509, const struct strv *texts, struct err *err)
{
	__attribute__((cleanup(names_fini))) GENERAL_NAMES *names = GENERAL_NAMES_new();

	must(names);
	for (size_t i = 0; i < texts->n; i++) {
		if (!certificate_is_name(texts->items[i]))
			return err_set(err, -EINVAL, "%s is neither a host's name nor an address",
				       texts->items[i]);
		must(sk_GENERAL_NAME_push(names, make_name(texts->items[i])));
	}
	must(X509_add1_ext_i2d(x509, NID_subject_alt_name, names, 0, 0));
	return 0;
}

static void add_extension(X509 *x509, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	must(extension && X509_add_ext(x509, extension, -1));
	X509_EXTENSION_free(extension);
}

static void set_serial(X509 *x509)
{
	unsigned char random[SERIAL_BYTES];

	must(RAND_bytes(random, sizeof(random)) == 1);
	random[0] = (random[0] & 0x7f) | 0x40; /* positive, and of one length */
	BIGNUM *number = BN_bin2bn(random, sizeof(random), NULL);
	must(number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509)));
	BN_free(number);
}

static X509 *make(const struct certificate_wish *wish, EVP_PKEY *pkey)
{
	X509 *x509 = X509_new();
	auto_free char *name = xstrndup(wish->common_name,
					strnlen(wish->common_name, CERTIFICATE_NAME_MAX));

	must(x509 && X509_set_version(x509, X509_VERSION_3));
	set_serial(x509);
	must(X509_NAME_add_entry_by_NID(X509_get_subject_name(x509), NID_commonName, MBSTRING_UTF8,
					(const unsigned char *)name, -1, -1, 0) &&
	     ASN1_TIME_set(X509_getm_notBefore(x509), (time_t)wish->from_s) &&
	     ASN1_TIME_set(X509_getm_notAfter(x509), (time_t)wish->until_s) &&
	     X509_set_pubkey(x509, pkey));
	return x509;
}

static void sign(X509 *x509, const X509 *issuer, EVP_PKEY *pkey, struct secret *ret)
{
	auto_bio BIO *bio = BIO_new(BIO_s_mem());

	must(X509_set_issuer_name(x509, X509_get_subject_name(issuer)) &&
	     X509_sign(x509, pkey, EVP_sha256()) && bio && PEM_write_bio_X509(bio, x509));
	take_text(bio, ret);
}

int certificate_make_authority(const struct secret *key, const struct certificate_wish *wish,
			       struct secret *ret, struct err *err)
{
	auto_pkey EVP_PKEY *pkey = NULL;
	int r = parse_key(key, &pkey, err);

	if (r < 0)
		return r;
	auto_x509 X509 *x509 = make(wish, pkey);
	add_extension(x509, x509, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
	add_extension(x509, x509, NID_key_usage, "critical,keyCertSign,cRLSign");
	add_extension(x509, x509, NID_subject_key_identifier, "hash");
	sign(x509, x509, pkey, ret);
	return 0;
}

int certificate_issue(const struct certificate_issuer *issuer, const struct secret *key,
		      const struct certificate_wish *wish, struct secret *ret, struct err *err)
{
	auto_pkey EVP_PKEY *issuer_pkey = NULL;
	auto_pkey EVP_PKEY *pkey = NULL;
	auto_x509 X509 *authority = NULL;
	int r = parse_certificate(issuer->certificate, &authority, err);

	if (r == 0)
		r = parse_key(issuer->key, &issuer_pkey, err);
	if (r == 0 && X509_check_private_key(authority, issuer_pkey) != 1)
		r = err_set(err, -EBADMSG, "the issuer's certificate and key differ");
	if (r == 0)
		r = parse_key(key, &pkey, err);
	if (r < 0)
		return r;
	auto_x509 X509 *x509 = make(wish, pkey);
	r = add_names(x509, wish->names, err);
	if (r < 0)
		return r;
	add_extension(x509, authority, NID_basic_constraints, "critical,CA:FALSE");
	add_extension(x509, authority, NID_key_usage, "critical,digitalSignature");
	add_extension(x509, authority, NID_ext_key_usage, "serverAuth");
	add_extension(x509, authority, NID_subject_key_identifier, "hash");
	add_extension(x509, authority, NID_authority_key_identifier, "keyid:always");
	sign(x509, authority, issuer_pkey, ret);
	return 0;
}

/* Reading */

static uint64_t seconds_of(const ASN1_TIME *time)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(time, &tm) != 1)
		return 0;
	time_t seconds = timegm(&tm);
	return seconds < 0 ? 0 : (uint64_t)seconds;
}

static char *text_of(const GENERAL_NAME *name)
{
	char text[INET6_ADDRSTRLEN] = "";
	int type;
	const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
	const unsigned char *bytes = NULL;
	int len = 0;

	if (type == GEN_DNS || type == GEN_IPADD) {
		bytes = ASN1_STRING_get0_data(value);
		len = ASN1_STRING_length(value);
	}
	if (type == GEN_DNS)
		return xstrndup((const char *)bytes, (size_t)len);
	if (len == 4)
		inet_ntop(AF_INET, bytes, text, sizeof(text));
	else if (len == 16)
		inet_ntop(AF_INET6, bytes, text, sizeof(text));
	return xstrdup(text);
}

static void read_names(X509 *x509, struct strv *ret)
{
	__attribute__((cleanup(names_fini)))
	GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
		strv_take(ret, text_of(sk_GENERAL_NAME_value(names, i)));
}

static char *pin_of(X509 *x509)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned char *key = NULL;
	unsigned len = 0;
	int key_len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509), &key);

	must(key_len > 0 &&
	     EVP_Digest(key, (size_t)key_len, digest, &len, EVP_sha256(), NULL) == 1);
	OPENSSL_free(key);
	auto_free char *text = base64_format(digest, len);
	return xasprintf("sha256//%s", text);
}

int certificate_read(const struct secret *certificate, struct certificate_facts *ret,
		     struct err *err)
{
	auto_x509 X509 *x509 = NULL;
	int r = parse_certificate(certificate, &x509, err);

	if (r < 0)
		return r;
	*ret = (struct certificate_facts){
		.from_s = seconds_of(X509_get0_notBefore(x509)),
		.until_s = seconds_of(X509_get0_notAfter(x509)),
		.pin = pin_of(x509),
	};
	read_names(x509, &ret->names);
	return 0;
}

void certificate_facts_fini(struct certificate_facts *facts)
{
	strv_fini(&facts->names);
	free(facts->pin);
	*facts = (struct certificate_facts){ 0 };
}

int certificate_check(const struct secret *certificate, const struct secret *key,
		      const struct secret *authority, struct err *err)
{
	auto_pkey EVP_PKEY *pkey = NULL;
	auto_x509 X509 *x509 = NULL;
	auto_x509 X509 *issuer = NULL;
	int r = parse_certificate(certificate, &x509, err);

	if (r == 0)
		r = parse_key(key, &pkey, err);
	if (r == 0 && authority)
		r = parse_certificate(authority, &issuer, err);
	if (r < 0)
		return r;
	bool is_of_key = X509_check_private_key(x509, pkey) == 1;
	bool is_of_issuer = !issuer || (X509_check_issued(issuer, x509) == X509_V_OK &&
					X509_verify(x509, X509_get0_pubkey(issuer)) == 1);
	ERR_clear_error();
	if (!is_of_key)
		return err_set(err, -EBADMSG, "certificate and key do not belong together");
	if (!is_of_issuer)
		return err_set(err, -EBADMSG, "the certificate is of another issuer");
	return 0;
}
