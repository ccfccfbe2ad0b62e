/* SPDX-License-Identifier: MIT */
/* Linked with the simulated clock: nothing here can reach the machine's own. */
#include "common/host/privilege.h"
#include "server/steering.h"
#include "tests/interop/fakeclock.h"
#include "tests/unit/unit.h"
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char folder[] = "/tmp/chime-steering-XXXXXX";
static struct state_files files = {.folder = folder};

static void set_by_others(struct timex timex)
{
    CU_ASSERT(clock_adjtime(CLOCK_REALTIME, &timex) >= 0);
}

/* A clock that nobody steers, as after a boot. */
static void begin_anew(void)
{
    fakeclock_refuse(0);
    set_by_others(
        (struct timex){.modes = ADJ_STATUS | ADJ_FREQUENCY | ADJ_TICK | ADJ_MAXERROR | ADJ_ESTERROR,
                       .status = STA_UNSYNC,
                       .tick = 10000,
                       .maxerror = 16000000,
                       .esterror = 16000000});
    state_files_unmark(&files);
}

static double frequency_now(void)
{
    struct kernel_state state = {.frequency_ppm = NAN};
    CU_ASSERT_EQUAL(kernel_clock_read(&state), 0);
    return state.frequency_ppm;
}

static bool has_mark(void)
{
    double rate_ppm;
    return state_files_find_mark(&files, &rate_ppm);
}

static bool steer(struct steering *steering, double frequency_ppm)
{
    int64_t step_ns;
    struct mono now = {fakeclock_read().raw};
    struct action_steer action = {
        .frequency_ppm = frequency_ppm, .rate_ppm = 7, .until = {now.ns + NS_PER_S}};
    return steering_steer(steering, &action, now, &step_ns);
}

static bool tell(struct steering *steering)
{
    struct action_kernel kernel = {.is_synchronised = true, .error_max_ns = NS_PER_MS};
    return steering_tell(steering, &kernel, (struct mono){fakeclock_read().raw});
}

static void what_is_asked_for_is_chosen(void)
{
    struct steering steering;
    begin_anew();
    steering_init(&steering, CONTROL_SHADOW, true, &files);
    CU_ASSERT_EQUAL(steering.mode, STEERING_SHADOW);
    CU_ASSERT_TRUE(steering_is_shadow(&steering));
    CU_ASSERT_FALSE(steering_needs_right(&steering));
    steering_init(&steering, CONTROL_VIRTUAL, true, &files);
    CU_ASSERT_EQUAL(steering.mode, STEERING_VIRTUAL);
    CU_ASSERT_STRING_EQUAL(steering_name(&steering), "virtual");
    steering_init(&steering, CONTROL_AUTO, true, &files);
    CU_ASSERT_EQUAL(steering.mode, privilege_may_set_time() ? STEERING_SYSTEM : STEERING_SHADOW);
    steering_init(&steering, CONTROL_SYSTEM, false, &files);
    CU_ASSERT_EQUAL(steering.mode, privilege_may_set_time() ? STEERING_SYSTEM : STEERING_SHADOW);
}

/* Nothing is known: whatever somebody else says of the clock stays. */
static void without_sources_the_clock_is_left_alone(void)
{
    struct steering steering;
    begin_anew();
    set_by_others((struct timex){.modes = ADJ_STATUS | ADJ_MAXERROR | ADJ_FREQUENCY,
                                 .status = 0,
                                 .maxerror = 1000,
                                 .freq = 5 * 65536});
    steering_init(&steering, CONTROL_AUTO, false, &files);
    CU_ASSERT_EQUAL(steering.mode, STEERING_NONE);
    CU_ASSERT_FALSE(steering_is_shadow(&steering));
    CU_ASSERT_TRUE(steering_take(&steering));
    CU_ASSERT_TRUE(steer(&steering, 90));
    CU_ASSERT_TRUE(tell(&steering));
    steering_release(&steering);
    struct kernel_state state;
    CU_ASSERT_EQUAL(kernel_clock_read(&state), 0);
    CU_ASSERT_TRUE(state.is_synchronised);
    CU_ASSERT_DOUBLE_EQUAL(state.frequency_ppm, 5, 1e-4);
    CU_ASSERT_FALSE(has_mark());
}

static void the_clock_is_taken_and_given_back(void)
{
    struct steering steering;
    begin_anew();
    steering_init(&steering, CONTROL_AUTO, true, &files);
    CU_ASSERT_TRUE(steering_needs_right(&steering));
    CU_ASSERT_FALSE(has_mark());
    CU_ASSERT_TRUE_FATAL(steering_take(&steering));
    CU_ASSERT_TRUE(has_mark());
    CU_ASSERT_TRUE(steer(&steering, 90));
    CU_ASSERT_DOUBLE_EQUAL(frequency_now(), 90, 1e-4);
    double marked_ppm = 0;
    CU_ASSERT_TRUE(state_files_find_mark(&files, &marked_ppm));
    CU_ASSERT_DOUBLE_EQUAL(marked_ppm, 7, 1e-4); /* the rate, not the slew */
    CU_ASSERT_TRUE(tell(&steering));
    steering_release(&steering);
    CU_ASSERT_DOUBLE_EQUAL(frequency_now(), 7, 1e-4);
    CU_ASSERT_FALSE(has_mark());
}

/* A process with the name of a daemon that steers. */
static pid_t start_rival(void)
{
    int ready[2];
    char octet;
    CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)prctl(PR_SET_NAME, "chronyd");
        (void)!write(ready[1], "x", 1);
        for (;;) {
            pause();
        }
    }
    CU_ASSERT_EQUAL(read(ready[0], &octet, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static void a_rival_keeps_auto_away(void)
{
    struct steering steering;
    begin_anew();
    pid_t rival = start_rival();
    set_by_others(
        (struct timex){.modes = ADJ_STATUS | ADJ_MAXERROR, .status = STA_PLL, .maxerror = 1000});
    steering_init(&steering, CONTROL_AUTO, true, &files);
    CU_ASSERT_EQUAL(steering.mode, STEERING_SHADOW);
    CU_ASSERT_FALSE(steering_needs_right(&steering));
    steering_init(&steering, CONTROL_SYSTEM, true, &files);
    CU_ASSERT_EQUAL(steering.mode, STEERING_SYSTEM);
    (void)kill(rival, SIGKILL);
    (void)waitpid(rival, NULL, 0);
}

static void what_is_refused_becomes_shadow(void)
{
    struct steering steering;
    begin_anew();
    steering_init(&steering, CONTROL_SYSTEM, true, &files);
    fakeclock_refuse(EPERM);
    CU_ASSERT_FALSE(steering_take(&steering));
    CU_ASSERT_TRUE(steering_is_shadow(&steering));
    CU_ASSERT_FALSE(has_mark());

    begin_anew();
    steering_init(&steering, CONTROL_SYSTEM, true, &files);
    CU_ASSERT_TRUE(steering_take(&steering));
    CU_ASSERT_TRUE(steer(&steering, 90));
    fakeclock_refuse(EPERM);
    CU_ASSERT_FALSE(steer(&steering, 50));
    CU_ASSERT_STRING_EQUAL(steering_name(&steering), "shadow");
    /* From then on nothing is tried. */
    CU_ASSERT_TRUE(steer(&steering, 40));
    CU_ASSERT_TRUE(tell(&steering));
    fakeclock_refuse(0);
    CU_ASSERT_TRUE(steer(&steering, 40));
    CU_ASSERT_TRUE(fabs(frequency_now() - 40) > 1);
}

/* What is no refusal of the right is said, and tried again. */
static void nonsense_is_survived(void)
{
    struct steering steering;
    begin_anew();
    steering_init(&steering, CONTROL_SYSTEM, true, &files);
    CU_ASSERT_TRUE(steering_take(&steering));
    fakeclock_refuse(EINVAL);
    CU_ASSERT_TRUE(steer(&steering, 90));
    CU_ASSERT_TRUE(tell(&steering));
    CU_ASSERT_EQUAL(steering.mode, STEERING_SYSTEM);
    fakeclock_refuse(0);
    CU_ASSERT_TRUE(steer(&steering, 60));
    CU_ASSERT_DOUBLE_EQUAL(frequency_now(), 60, 1e-4);
    steering_release(&steering);
}

static void sources_that_come_later_are_steered_by(void)
{
    struct steering steering;
    begin_anew();
    steering_init(&steering, CONTROL_AUTO, false, &files);
    CU_ASSERT_TRUE(steering_needs_right(&steering));
    CU_ASSERT_FALSE(steering_reconsider(&steering, false));
    CU_ASSERT_TRUE(steering_reconsider(&steering, true));
    CU_ASSERT_EQUAL(steering.mode, STEERING_SYSTEM);
    CU_ASSERT_TRUE(steering.is_taken);
    CU_ASSERT_FALSE(steering_reconsider(&steering, false));
    steering_release(&steering);
}

static void a_killed_ones_slew_is_ended(void)
{
    char error[STATE_FILES_ERROR_MAX];
    begin_anew();
    set_by_others((struct timex){.modes = ADJ_STATUS | ADJ_TICK | ADJ_MAXERROR,
                                 .status = 0,
                                 .tick = 10900,
                                 .maxerror = 1000});
    CU_ASSERT_TRUE(state_files_mark(&files, -12.5, error));
    CU_ASSERT_TRUE(steering_restore(&files));
    CU_ASSERT_DOUBLE_EQUAL(frequency_now(), -12.5, 1e-4);
    CU_ASSERT_FALSE(has_mark());
    /* Without a mark nothing is done. */
    set_by_others((struct timex){.modes = ADJ_FREQUENCY, .freq = 65536});
    CU_ASSERT_TRUE(steering_restore(&files));
    CU_ASSERT_DOUBLE_EQUAL(frequency_now(), 1, 1e-4);

    /* The same at a start, where the word of the dead is nobody's: it is no rival. */
    set_by_others((struct timex){
        .modes = ADJ_STATUS | ADJ_TICK | ADJ_MAXERROR, .tick = 10900, .maxerror = 1000});
    CU_ASSERT_TRUE(state_files_mark(&files, 3, error));
    struct steering steering;
    steering_init(&steering, CONTROL_AUTO, true, &files);
    CU_ASSERT_EQUAL(steering.mode, STEERING_SYSTEM);
    CU_ASSERT_DOUBLE_EQUAL(frequency_now(), 3, 1e-4);

    fakeclock_refuse(EPERM);
    CU_ASSERT_TRUE(state_files_mark(&files, 3, error));
    CU_ASSERT_FALSE(steering_restore(&files));
    CU_ASSERT_TRUE(has_mark());
    begin_anew();
}

static const struct unit_case cases[] = {
    {"what is asked for is chosen", what_is_asked_for_is_chosen},
    {"without sources the clock is left alone", without_sources_the_clock_is_left_alone},
    {"the clock is taken and given back", the_clock_is_taken_and_given_back},
    {"a rival keeps auto away", a_rival_keeps_auto_away},
    {"what is refused becomes shadow", what_is_refused_becomes_shadow},
    {"nonsense is survived", nonsense_is_survived},
    {"sources that come later are steered by", sources_that_come_later_are_steered_by},
    {"a killed one's slew is ended", a_killed_ones_slew_is_ended},
};

int main(void)
{
    if (!privilege_may_set_time()) {
        printf("SKIP test_steering: the choice needs the right to set the clock (CAP_SYS_TIME), "
               "which only a simulated one would see\n");
        return 77;
    }
    if (mkdtemp(folder) == NULL) {
        return EXIT_FAILURE;
    }
    int status = unit_run("steering", cases, sizeof(cases) / sizeof(cases[0]));
    (void)rmdir(folder);
    return status;
}
