/* Certificates of both ends. */
#include "wire/http_client/internal.h"
#include "wire/http_client/trust.h"

void trust_set(CURL *curl, const struct http_client_request *r)
{
	if (r->ca_file)
		curl_easy_setopt(curl, CURLOPT_CAINFO, r->ca_file);
	if (r->pin)
		curl_easy_setopt(curl, CURLOPT_PINNEDPUBLICKEY, r->pin);
	/* The key says more than whoever certified it; libcurl compares it in any case. */
	if (r->pin && !r->ca_file) {
		curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (r->cert_file)
		curl_easy_setopt(curl, CURLOPT_SSLCERT, r->cert_file);
	if (r->key_file)
		curl_easy_setopt(curl, CURLOPT_SSLKEY, r->key_file);
}
