"""What a test may expect of the guest itself."""

import pytest

from tests.vm.harness import VmError, VmUnavailable, run_in_vm

pytestmark = pytest.mark.vm


def test_output_errors_exit_code_and_files_come_back(vm):
    script = """
        import sys
        import requests, ruamel.yaml, psutil, wca, benchmarks.marker
        print(open("/etc/given").read(), wca.__version__ != "", benchmarks.marker.NUMBER)
        sys.stderr.write("\\u00e9 and a line\\n")
        sys.exit(7)
    """
    done = vm(
        "if True:" + script,
        files={"/etc/given": "grüße", "/vm/src/benchmarks/marker.py": "NUMBER = 5"},
    )
    assert done.stdout == "grüße True 5\n"
    assert done.stderr == "é and a line\n"
    assert (done.exit_code, done.timed_out) == (7, False)


def test_a_job_that_does_not_end_is_ended_and_its_output_kept(vm):
    script = "import time\nprint('begun', flush=True)\ntime.sleep(1000)"
    done = vm(script, timeout=3)
    assert done.stdout == "begun\n"
    assert done.timed_out
    assert done.exit_code == -9


def test_a_guest_that_dies_is_an_error_with_its_console(vm):
    panic = "open('/proc/sysrq-trigger', 'w').write('c')"
    with pytest.raises(VmError, match=r"(?s)no result; console:.*sysrq"):
        vm(panic)


def test_a_missing_emulator_says_which_package_has_it(monkeypatch):
    monkeypatch.setenv("WCA_QEMU", "/nowhere/qemu")
    with pytest.raises(VmUnavailable, match=r"/nowhere/qemu is not there .package qemu-system-x86"):
        run_in_vm("")


def test_hardware_that_the_emulator_cannot_show_is_said_before_the_boot(monkeypatch):
    monkeypatch.setenv("WCA_QEMU", "/bin/true")
    with pytest.raises(VmUnavailable, match="/bin/true cannot emulate RDT"):
        run_in_vm("", rdt=True)
