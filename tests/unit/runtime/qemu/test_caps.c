/* What a probe found, in the words of the runtime contract. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/base.h"
#include "runtime/qemu/caps.h"

static void check(const struct qemu_probe *probe, bool has_kvm, const char *names,
		  const char *problems)
{
	struct runtime_info info;

	qemu_caps_describe(probe, &info);
	auto_free char *n = strv_join(&info.virtualization, ", ");
	auto_free char *p = strv_join(&info.problems, ", ");
	assert_string_equal(n, names);
	assert_string_equal(p, problems);
	assert_int_equal(info.has_kvm, has_kvm);
	runtime_info_fini(&info);
}

static void describes_what_was_found(void **state)
{
	const struct qemu_probe absent = { 0 };
	const struct qemu_probe both = { .has_qemu = true, .works = { true, true } };
	const struct qemu_probe tcg = { .has_qemu = true,
					.works = { true, false },
					.reason = { "", "a test guest hung for 3000 ms" } };
	const struct qemu_probe none = { .has_qemu = true,
					 .reason = { "a test guest could not run", "closed" } };

	check(&absent, false, "", "qemu-system-x86_64 not found: no unikernels");
	check(&both, true, "unikernel", "");
	check(&tcg, false, "unikernel", "kvm: a test guest hung for 3000 ms");
	check(&none, false, "", "kvm: closed, tcg: a test guest could not run");
}

static void check_emulated(const struct qemu_probe *probe, const char *emulated,
			   const char *problems)
{
	struct runtime_info info;

	qemu_caps_describe(probe, &info);
	auto_free char *e = strv_join(&info.emulated, ", ");
	auto_free char *p = strv_join(&info.problems, ", ");
	assert_string_equal(e, emulated);
	assert_string_equal(p, problems);
	runtime_info_fini(&info);
}

/* What is not installed is no problem; what is and does not work is one. */
static void tells_what_it_emulates(void **state)
{
	struct qemu_probe probe = { .has_qemu = true, .works = { true, false } };

	check_emulated(&probe, "", "");
	STR_COPY(probe.foreign_version, "7.2.22");
	STR_COPY(probe.foreign_reason, "why");
	check_emulated(&probe, "", "qemu-system-aarch64: why");
	probe.foreign_reason[0] = '\0';
	probe.foreign_works = true;
	check_emulated(&probe, "arm64", "");
}

/* KVM runs guests of this machine's architecture only. */
static void chooses_the_accelerator(void **state)
{
	const struct qemu_kernel x86 = { .kind = QEMU_KERNEL_X86 };
	const struct qemu_kernel arm = { .kind = QEMU_KERNEL_ARM64 };
	struct qemu qemu = { .is_probed = true,
			     .probe_lock = PTHREAD_MUTEX_INITIALIZER,
			     .probe = { .has_qemu = true, .works = { true, true } } };
	enum qemu_accel accel;
	struct err err = { 0 };

	assert_int_equal(qemu_caps_accel(&qemu, &x86, &accel, &err), 0);
	assert_int_equal(accel, QEMU_ACCEL_KVM);
	assert_int_equal(qemu_caps_accel(&qemu, &arm, &accel, &err), -ENOTSUP);
	assert_string_equal(err.msg, "image is for arm64 and qemu-system-aarch64 is not installed");
	STR_COPY(qemu.probe.foreign_version, "7.2.22");
	STR_COPY(qemu.probe.foreign_reason, "why");
	assert_int_equal(qemu_caps_accel(&qemu, &arm, &accel, &err), -ENOTSUP);
	assert_string_equal(err.msg, "qemu-system-aarch64 cannot run a guest: why");
	qemu.probe.foreign_works = true;
	assert_int_equal(qemu_caps_accel(&qemu, &arm, &accel, &err), 0);
	assert_int_equal(accel, QEMU_ACCEL_TCG);
	qemu.probe.works[QEMU_ACCEL_KVM] = false;
	assert_int_equal(qemu_caps_accel(&qemu, &x86, &accel, &err), 0);
	assert_int_equal(accel, QEMU_ACCEL_TCG);
	qemu.probe.works[QEMU_ACCEL_TCG] = false;
	STR_COPY(qemu.probe.reason[QEMU_ACCEL_TCG], "why");
	assert_int_equal(qemu_caps_accel(&qemu, &x86, &accel, &err), -ENOTSUP);
	assert_string_equal(err.msg, "qemu cannot run a guest: why");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(describes_what_was_found),
		cmocka_unit_test(tells_what_it_emulates),
		cmocka_unit_test(chooses_the_accelerator),
	};

	return cmocka_run_group_tests_name("runtime/qemu/caps", tests, NULL, NULL);
}
