/* Commands in running containers: tests of their own, for containerd.c. */
#ifndef HOLM_TESTS_CONTRACT_RUNTIME_EXEC_H
#define HOLM_TESTS_CONTRACT_RUNTIME_EXEC_H

void exec_tells_output_and_exit_code(void **state);
void exec_tells_what_cannot_be_run(void **state);
void exec_has_user_folder_and_environment(void **state);
void exec_ends_in_time(void **state);
void exec_takes_input_and_its_end(void **state);
void exec_has_a_terminal(void **state);
void exec_left_over_is_ended(void **state);
void exec_half_begun_holds_up_nobody(void **state);

#endif
