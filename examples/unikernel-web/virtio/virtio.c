/* The handshake that both transports share (virtio 1.1, section 3.1.1). */
#include "virtio/virtio.h"

bool virtio_negotiate(const struct virtio_device *dev, uint64_t wanted, uint64_t *ret_features)
{
	const struct virtio_transport *t = dev->transport;
	uint8_t status = VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER;
	uint64_t features;

	t->set_status(dev, 0);
	t->set_status(dev, VIRTIO_STATUS_ACKNOWLEDGE);
	t->set_status(dev, status);
	features = t->features(dev) & wanted;
	if (dev->is_modern && !(features & VIRTIO_F_VERSION_1))
		return false;
	t->accept(dev, features);
	if (dev->is_modern) {
		t->set_status(dev, status | VIRTIO_STATUS_FEATURES_OK);
		if (!(t->status(dev) & VIRTIO_STATUS_FEATURES_OK))
			return false;
	}
	*ret_features = features;
	return true;
}
