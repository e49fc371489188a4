/* Where devices are: told by the command line or the machine, or found on PCI. */
#include "cmdline.h"
#include "kernel/boot.h"
#include "kernel/pci.h"
#include "virtio/virtio.h"

bool virtio_find(const struct cmdline *cmdline, unsigned id, unsigned index,
		 struct virtio_device *ret_dev)
{
	const struct boot_mmio *places;
	size_t place_count = boot_mmio(&places);

	for (size_t i = 0; i < cmdline->mmio_count; i++) {
		const struct cmdline_mmio *mmio = &cmdline->mmio[i];

		/* Only the first 4 GiB are mapped. */
		if (mmio->base < UINT32_MAX - mmio->size &&
		    virtio_mmio_at(mmio->base, mmio->irq, id, ret_dev) && !index--)
			return true;
	}
	for (size_t i = 0; i < place_count; i++) {
		if (virtio_mmio_at(places[i].base, places[i].line, id, ret_dev) && !index--)
			return true;
	}
	for (unsigned slot = 0; slot < PCI_DEVICES; slot++) {
		if (virtio_pci_at(slot, id, ret_dev) && !index--)
			return true;
	}
	return false;
}
