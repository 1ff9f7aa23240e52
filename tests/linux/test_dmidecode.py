"""Memory modules as the firmware of different machines tells of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.linux.dmidecode_text import ARRAY, EMPTY, GIB, device
from wca.errors import NotAvailable
from wca.linux.dmidecode import MemoryModule, parse_memory_modules, run_dmidecode


def only(text):
    (module,) = parse_memory_modules(text)
    return module


def test_a_module_has_size_and_configured_speed():
    assert only(ARRAY + device()) == MemoryModule("ram", 16 * GIB, 2933e6 * 8)


def test_an_empty_slot_is_no_module():
    assert parse_memory_modules(ARRAY + EMPTY + device(size="0 MB")) == []
    assert len(parse_memory_modules(ARRAY + device() + EMPTY + device() + EMPTY)) == 2


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512 kB", 512 << 10),
        ("512 KB", 512 << 10),
        ("16384 MB", 16 * GIB),
        ("128 GB", 128 * GIB),
        ("1 TB", 1024 * GIB),
        ("Unknown", None),
        ("16 XB", None),
    ],
)
def test_units_are_binary_and_what_is_not_known_is_none(text, size):
    assert only(device(size=text)).size == size


@pytest.mark.parametrize(
    "type_", ["DDR3", "DDR4", "DDR5", "LPDDR5", "SDRAM", "DRAM", "RAM", "Unknown", "Other"]
)
def test_every_kind_of_main_memory_is_ram(type_):
    assert only(device(type_=type_)).kind == "ram"


def test_ddr5_has_two_channels_in_one_width_of_64_bits():
    module = only(
        device("64 GB", "DDR5", Total_Width="80 bits", Configured_Memory_Speed="4800 MT/s")
    )
    assert module == MemoryModule("ram", 64 * GIB, 4800e6 * 8)


def test_a_narrow_chip_carries_less():
    module = only(device("2 GB", "LPDDR5", Data_Width="16 bits", Form_Factor="Row Of Chips"))
    assert module.speed == 2933e6 * 2


def test_without_a_width_it_is_the_usual_one():
    assert only(device(Data_Width="Unknown")).speed == 2933e6 * 8


@pytest.mark.parametrize(
    ("fields", "speed"),
    [
        ({"Configured_Memory_Speed": "Unknown"}, 3200e6 * 8),
        ({"Configured_Memory_Speed": None, "Configured_Clock_Speed": "2666 MHz"}, 2666e6 * 8),
        ({"Configured_Memory_Speed": None, "Speed": "1600 MHz"}, 1600e6 * 8),
        ({"Configured_Memory_Speed": "Unknown", "Speed": "Unknown"}, None),
        ({"Configured_Memory_Speed": "0 MT/s", "Speed": "0 MT/s"}, None),
    ],
)
def test_the_speed_is_the_configured_one_else_the_greatest(fields, speed):
    assert only(device(**fields)).speed == speed


@pytest.mark.parametrize(
    "fields",
    [
        {"type_": "DDR4", "Type_Detail": "Synchronous Non-Volatile LRDIMM"},
        {"type_": "Logical non-volatile device"},
        {"type_": "DDR4", "Memory_Technology": "NVDIMM-N"},
        {"type_": "DDR4", "Memory_Technology": "Intel Optane DC persistent memory"},
        {"type_": "DDR5", "Memory_Technology": "Intel Optane persistent memory"},
    ],
)
def test_what_lasts_without_power_is_nvm(fields):
    assert only(device("252 GB", **fields)).kind == "nvm"


def test_memory_on_the_package_and_behind_a_link_have_their_own_kinds():
    assert only(device("16 GB", "HBM2", Form_Factor="Die", Data_Width="1024 bits")).kind == "hbm"
    assert only(device("128 GB", "DDR5", Locator="CXL Device 0")).kind == "cxl"
    assert only(device("128 GB", "DDR5", Form_Factor="CXL")).kind == "cxl"


@pytest.mark.parametrize("type_", ["Flash", "ROM", "EEPROM"])
def test_the_firmwares_own_memory_is_no_module(type_):
    assert parse_memory_modules(device("16 MB", type_)) == []


def test_with_handles_and_comments_it_is_read_as_well():
    text = "# dmidecode 3.4\nGetting SMBIOS data from sysfs.\nSMBIOS 3.2 present.\n\n"
    text += "Handle 0x0026, DMI type 17, 84 bytes\n" + device()
    text += "Handle 0x0027, DMI type 20, 35 bytes\nMemory Device Mapped Address\n\tSize: 16 GB\n\n"
    assert len(parse_memory_modules(text)) == 1


def test_a_virtual_machine_tells_little():
    text = "Memory Device\n\tData Width: Unknown\n\tSize: 4 GB\n\tType: RAM\n\tSpeed: Unknown\n"
    assert only(text) == MemoryModule("ram", 4 * GIB, None)


WORDS = [
    "Memory Device\n",
    "\tSize: ",
    "\tSpeed: ",
    "\tType: ",
    "16 GB\n",
    "3200 MT/s\n",
    "\n",
    ":",
]
WORDS += [device(), EMPTY, ARRAY, "9" * 20, " TB\n"]


@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=5), max_size=30).map("".join))
def test_any_text_gives_modules_or_nothing(text):
    for module in parse_memory_modules(text):
        assert module.size is None or module.size > 0
        assert module.speed is None or module.speed > 0


def program(folder, script):
    path = folder / "dmidecode"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return [str(folder)]


def test_the_program_is_asked_for_memory_alone(tmp_path):
    assert run_dmidecode(program(tmp_path, 'echo "$@"')) == "--quiet -t memory\n"


def test_a_machine_without_the_program_is_told_of_the_package(tmp_path):
    with pytest.raises(NotAvailable, match=r"not installed \(package dmidecode\)"):
        run_dmidecode([str(tmp_path)])


def test_a_program_that_fails_gives_its_own_words(tmp_path):
    folders = program(tmp_path, "echo hello; echo /dev/mem: Permission denied >&2; exit 1")
    with pytest.raises(NotAvailable, match="dmidecode failed: /dev/mem: Permission denied"):
        run_dmidecode(folders)


def test_a_program_that_hangs_is_ended(tmp_path):
    with pytest.raises(NotAvailable, match=r"did not answer within 0.2 s"):
        run_dmidecode(program(tmp_path, "exec sleep 60"), timeout=0.2)


def test_a_program_that_cannot_be_run_says_why(tmp_path):
    path = tmp_path / "dmidecode"
    path.write_bytes(b"\x7fELF rubbish")
    path.chmod(0o755)
    with pytest.raises(NotAvailable, match="cannot be run: Exec format error"):
        run_dmidecode([str(tmp_path)])
