import fixture


class Layers(fixture.ToolTest):
    tool = "check_layers.py"

    def check(self, name, include, error=None):
        """One file with one include, in a tree that has the included file."""
        if include.startswith('"'):
            self.write("src/" + include.strip('"'), "")
        self.write("src/base/err.c", "#include <errno.h>\n")
        self.write(name, f"#include {include}\n")
        if error:
            self.assert_fails(f"{name}:1: ", error)
        else:
            self.assert_passes()

    def test_down_is_allowed(self):
        self.check("src/worker/job.c", '"runtime/runtime.h"')

    def test_up_fails(self):
        self.check("src/runtime/op.c", '"worker/worker.h"', "layer 4")

    def test_sideways_fails(self):
        self.check("src/runtime/op.c", '"overlay/overlay.h"', "layer 3")

    def test_own_private_header_is_allowed(self):
        self.check("src/runtime/op.c", '"runtime/queue.h"')

    def test_private_header_of_another_folder_fails(self):
        self.check("src/worker/job.c", '"runtime/queue.h"', "private")

    def test_driver_of_another_folder_fails(self):
        self.check("src/worker/job.c", '"runtime/qemu/qemu.h"', "private")

    def test_driver_front_door_is_its_parents(self):
        self.check("src/runtime/drivers.c", '"runtime/qemu/qemu.h"')

    def test_driver_private_header_fails_in_parent(self):
        self.check("src/runtime/drivers.c", '"runtime/qemu/args.h"', "private")

    def test_driver_may_include_parent(self):
        self.check("src/runtime/qemu/args.c", '"runtime/runtime.h"')

    def test_open_folders_have_no_door(self):
        self.check("src/worker/job.c", '"model/sla.h"')

    def test_wire_modules_have_a_door_each(self):
        self.check("src/runtime/op.c", '"wire/qmp/qmp.h"')

    def test_wire_private_header_fails(self):
        self.check("src/runtime/op.c", '"wire/qmp/reader.h"', "private")

    def test_wire_knows_no_model(self):
        self.check("src/wire/mqtt/mqtt.c", '"model/sla.h"', "layer 2")

    def test_model_knows_no_loop(self):
        self.check("src/model/sla/sla.c", '"loop/loop.h"', "may not include")

    def test_helper_knows_base_only(self):
        self.check("src/helper/main.c", '"json/json.h"', "may not include")

    def test_third_party_at_home(self):
        self.check("src/store/sqlite/db.c", "<sqlite3.h>")

    def test_third_party_away_fails(self):
        self.check("src/worker/job.c", "<uv.h>", "belongs to loop/")

    def test_third_party_one_level_up_fails(self):
        self.check("src/store/store.c", "<sqlite3.h>", "belongs to store/sqlite/")

    def test_generated_header_is_wires(self):
        self.check("src/image/pull.c", '"content.pb-c.h"', "belongs to wire/")

    def test_unknown_library_fails(self):
        self.check("src/wire/x/x.c", "<glib.h>", "no system header")

    def test_missing_header_fails(self):
        self.write("src/base/err.c", '#include "err.h"\n')
        self.assert_fails("not a path from src/")

    def test_unknown_folder_fails(self):
        self.check("src/misc/x.c", '"base/err.h"', "no layer")

    def test_include_in_a_comment_does_not_count(self):
        self.write("src/base/err.c", "#include <errno.h>\n/*\n#include <uv.h>\n*/\n")
        self.assert_passes()

    def test_empty_tree_fails(self):
        self.assert_fails("no include")
