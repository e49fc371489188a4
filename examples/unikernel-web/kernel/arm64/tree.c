/* What the device tree tells, in our words. All of it is copied: the tree lies in memory that
 * is free to use afterwards. */
#include <stddef.h>
#include <string.h>

#include "kernel/arm64/fdt.h"
#include "kernel/arm64/pci.h"
#include "kernel/boot.h"

enum {
	TREE_MAX = 2 * 1024 * 1024, /* by the boot protocol */
	CMDLINE_MAX = 4096,         /* with its NUL */
	MMIO_MAX = 32,
	IRQ_SHARED = 0, /* first cell of an interrupt */
	IRQ_FIRST_SHARED = 32,
	IRQ_FIRST_PRIVATE = 16,
	RANGE_CELLS = 7, /* three of PCI's address, two of ours, two of the size */
	RANGE_IO = 1,
	MAP_CELLS = 10, /* device, 0, 0, pin; controller, 0, 0; interrupt */
	MAP_PIN = 3,
	MAP_INTERRUPT = 7,
	PIN_A = 1,
	DEVICE_SHIFT = 11,
};

struct tree {
	struct boot_info info;
	char cmdline[CMDLINE_MAX];
	struct boot_mmio mmio[MMIO_MAX];
	size_t mmio_count;
	struct pci_host pci;
};

static struct tree tree;

extern const uint8_t __start[];

void tree_main(const void *blob);

size_t boot_mmio(const struct boot_mmio **ret)
{
	*ret = tree.mmio;
	return tree.mmio_count;
}

static unsigned line_of(struct fdt_value interrupt, uint32_t index)
{
	uint32_t number = fdt_cell(interrupt, index + 1);

	return fdt_cell(interrupt, index) == IRQ_SHARED ? IRQ_FIRST_SHARED + number
							: IRQ_FIRST_PRIVATE + number;
}

static void take_memory(const struct fdt *fdt, const struct fdt_node *node)
{
	struct fdt_value reg = fdt_get(fdt, node, "reg");
	uint64_t start = fdt_number(reg, 0), end = start + fdt_number(reg, 2);
	uintptr_t kernel = (uintptr_t)__start;

	if (start <= kernel && kernel < end)
		tree.info.memory_bytes = end - kernel;
}

/* One cell or two. */
static uintptr_t address_of(struct fdt_value value)
{
	return value.length == 4 ? fdt_cell(value, 0) : fdt_number(value, 0);
}

static void take_chosen(const struct fdt *fdt, const struct fdt_node *node)
{
	struct fdt_value line = fdt_get(fdt, node, "bootargs");
	uintptr_t start = address_of(fdt_get(fdt, node, "linux,initrd-start"));
	uintptr_t end = address_of(fdt_get(fdt, node, "linux,initrd-end"));

	if (line.length > CMDLINE_MAX)
		tree.info.problem = "boot: command line longer than 4095 bytes";
	else if (line.length)
		memcpy(tree.cmdline, line.data, line.length - 1);
	if (start && start < end) {
		tree.info.initrd = (const uint8_t *)start;
		tree.info.initrd_bytes = end - start;
	}
}

static void take_mmio(const struct fdt *fdt, const struct fdt_node *node)
{
	if (tree.mmio_count < MMIO_MAX)
		tree.mmio[tree.mmio_count++] = (struct boot_mmio){
			.base = fdt_number(fdt_get(fdt, node, "reg"), 0),
			.line = line_of(fdt_get(fdt, node, "interrupts"), 0),
		};
}

static void take_pci(const struct fdt *fdt, const struct fdt_node *node)
{
	struct fdt_value ranges = fdt_get(fdt, node, "ranges");
	struct fdt_value map = fdt_get(fdt, node, "interrupt-map");

	for (uint32_t i = 0; (i + RANGE_CELLS) * 4 <= ranges.length; i += RANGE_CELLS) {
		if ((fdt_cell(ranges, i) >> 24 & 3) == RANGE_IO)
			tree.pci.ports = fdt_number(ranges, i + 3) - fdt_number(ranges, i + 1);
	}
	for (uint32_t i = 0; (i + MAP_CELLS) * 4 <= map.length; i += MAP_CELLS) {
		if (fdt_cell(map, i + MAP_PIN) == PIN_A)
			tree.pci.lines[fdt_cell(map, i) >> DEVICE_SHIFT & (PCI_INTX - 1)] =
				line_of(map, i + MAP_INTERRUPT);
	}
	if (tree.pci.ports)
		tree.pci.config = fdt_number(fdt_get(fdt, node, "reg"), 0);
}

static void take_node(const struct fdt *fdt, const struct fdt_node *node)
{
	struct fdt_value compatible = fdt_get(fdt, node, "compatible");

	if (fdt_has_string(fdt_get(fdt, node, "device_type"), "memory"))
		take_memory(fdt, node);
	else if (!strcmp(node->name, "chosen"))
		take_chosen(fdt, node);
	else if (fdt_has_string(compatible, "virtio,mmio"))
		take_mmio(fdt, node);
	else if (fdt_has_string(compatible, "pci-host-ecam-generic"))
		take_pci(fdt, node);
}

/* Called by boot.S. */
void tree_main(const void *blob)
{
	struct fdt_node node = { 0 };
	struct fdt fdt;

	tree.info.cmdline = tree.cmdline;
	if (!fdt_open(blob, TREE_MAX, &fdt))
		tree.info.problem = "boot: the loader gave no device tree";
	else
		while (fdt_next(&fdt, &node))
			take_node(&fdt, &node);
	pci_init(&tree.pci);
	kernel_main(&tree.info);
}
