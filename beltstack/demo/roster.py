"""Who and what the demo's company is made of: people, places, prices, jobs."""

from dataclasses import dataclass

from beltstack.domain.lifecycle import WorkOrderState
from beltstack.domain.line_items import LineKind

TECHNICIANS = (
    ("Maya Ortiz", "(512) 555-0141"),
    ("Lee Park", "(512) 555-0142"),
    ("Tom Brandt", "(512) 555-0143"),
    ("Aisha Cole", "(512) 555-0144"),
)

PRICE_LIST = (
    ("DIAG", LineKind.FEE, "Diagnostic visit", None, "89.00", "0"),
    ("LABOR", LineKind.LABOR, "Technician's hour", "hour", "118.00", "46.50"),
    ("TUNEUP", LineKind.LABOR, "Seasonal tune-up", None, "149.00", "52.00"),
    ("CAP45", LineKind.PART, "Run capacitor 45/5 µF", "piece", "64.80", "18.35"),
    ("CONT30", LineKind.PART, "Contactor 30 A", "piece", "78.25", "22.10"),
    ("MOTOR", LineKind.PART, "Condenser fan motor, 1/4 hp", "piece", "312.40", "141.00"),
    ("R410A", LineKind.MATERIAL, "Refrigerant R-410A", "pound", "92.75", "31.90"),
    ("FILTER", LineKind.MATERIAL, "Pleated filter 16x25x1", "piece", "18.95", "6.20"),
    ("THERM", LineKind.PART, "Thermostat with schedule", "piece", "219.00", "121.00"),
    ("TRIP", LineKind.TRAVEL, "Trip beyond 20 miles", None, "35.00", "12.00"),
)


@dataclass(frozen=True, slots=True)
class Place:
    name: str
    street: str
    postal_code: str
    equipment: str
    manufacturer: str
    model: str
    serial: str
    installed: int
    access: str | None = None


@dataclass(frozen=True, slots=True)
class CustomerRecord:
    given_name: str
    family_name: str
    phone: str
    email: str
    places: tuple[Place, ...]
    company: str | None = None


CUSTOMERS = (
    CustomerRecord("Grace", "Whitfield", "(512) 555-0110", "grace@whitfield.example", (
        Place("Home", "2204 Kinney Ave", "78704", "Split system", "Trane", "XR14", "TR-20418831", 2017, "Gate 4471."),
    )),
    CustomerRecord("Daniel", "Okafor", "(512) 555-0111", "daniel.okafor@mail.example", (
        Place("Home", "801 W Mary St", "78704", "Heat pump", "Carrier", "25HCB6", "CA-3318E0042", 2019),
        Place("Rental on 5th", "1512 E 5th St", "78702", "Window units", "LG", "LW1216", "LG-7712", 2021, "Key at bar"),
    )),
    CustomerRecord("Irene", "Sandoval", "(512) 555-0112", "irene@sandovalbakery.example", (
        Place("Bakery", "3401 Guadalupe St", "78705", "Rooftop unit", "Lennox", "LRP14", "LX-901772", 2015),
        Place("Kitchen", "4107 Medical Pkwy", "78756", "Walk-in cooler", "Heatcraft", "LSV", "HC-5531", 2018),
    ), "Sandoval Bakery LLC"),
    CustomerRecord("Victor", "Lindqvist", "(512) 555-0113", "vlindqvist@mail.example", (
        Place("Home", "5806 Shoalwood Ave", "78756", "Furnace", "Goodman", "GMVC96", "GM-1204556", 2012, "Dog."),
    )),
    CustomerRecord("Priya", "Raman", "(512) 555-0114", "facilities@lakelineoffices.example", (
        Place("Tower A", "9500 Lakeline Blvd", "78717", "Chiller", "York", "YLAA0120", "YK-88123", 2014, "Dock 2."),
        Place("Tower B", "9510 Lakeline Blvd", "78717", "Chiller", "York", "YLAA0120", "YK-88124", 2014, "Dock 3."),
        Place("Annex", "9520 Lakeline Blvd", "78717", "Rooftop unit", "Trane", "YSC060", "TR-55310", 2020),
    ), "Lakeline Offices"),
    CustomerRecord("Harold", "Beck", "(512) 555-0115", "hbeck@mail.example", (
        Place("Home", "1108 Ruth Ave", "78757", "Split system", "Rheem", "RA14", "RH-41190", 2016),
    )),
    CustomerRecord("Naomi", "Castle", "(512) 555-0116", "naomi@castleyoga.example", (
        Place("Studio", "2928 Manor Rd", "78722", "Mini split", "Mitsubishi", "MSZ-FS", "MI-20991", 2022),
    ), "Castle Yoga"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Job:
    """A work order of the past or of the coming days (negative), and how far it got."""

    title: str
    state: WorkOrderState
    days_ago: int
    lines: tuple[tuple[str, str], ...]


_S = WorkOrderState
JOBS = (
    Job("Spring tune-up", _S.CLOSED, 38, (("TUNEUP", "1"), ("FILTER", "2"))),
    Job("No cooling, fan hums", _S.CLOSED, 35, (("DIAG", "1"), ("CAP45", "1"), ("LABOR", "0.75"))),
    Job("Thermostat goes blank", _S.CLOSED, 33, (("THERM", "1"), ("LABOR", "1.25"))),
    Job("Cooler runs warm", _S.CLOSED, 31, (("DIAG", "1"), ("R410A", "2.5"), ("LABOR", "1.5"))),
    Job("Quarterly check, tower A", _S.CLOSED, 28, (("TUNEUP", "3"), ("FILTER", "8"))),
    Job("Contactor chatters", _S.CLOSED, 26, (("DIAG", "1"), ("CONT30", "1"), ("LABOR", "0.5"))),
    Job("Spring tune-up", _S.CLOSED, 24, (("TUNEUP", "1"),)),
    Job("Furnace will not light", _S.CLOSED, 22, (("DIAG", "1"), ("LABOR", "2"))),
    Job("Quarterly check, tower B", _S.CLOSED, 20, (("TUNEUP", "3"), ("FILTER", "8"))),
    Job("Fan motor grinds", _S.CLOSED, 18, (("MOTOR", "1"), ("LABOR", "1.5"), ("TRIP", "1"))),
    Job("Replace thermostat", _S.COMPLETED, 14, (("THERM", "1"), ("LABOR", "1"))),
    Job("Noise on the roof", _S.COMPLETED, 12, (("DIAG", "1"), ("LABOR", "0.5"))),
    Job("Low air flow", _S.COMPLETED, 9, (("FILTER", "4"), ("LABOR", "0.75"))),
    Job("Leak at the air handler", _S.PENDING_APPROVAL, 7, (("DIAG", "1"), ("LABOR", "2.5"))),
    Job("Compressor trips", _S.ON_HOLD, 6, (("DIAG", "1"),)),
    Job("Second opinion on a quote", _S.CANCELED, 5, (("DIAG", "1"),)),
    Job("Cooler alarm at night", _S.PENDING_APPROVAL, 4, (("DIAG", "1"), ("R410A", "1.5"))),
    Job("Filter change, all floors", _S.IN_PROGRESS, 0, (("FILTER", "24"), ("LABOR", "3"))),
    Job("Unit ices up", _S.IN_PROGRESS, 0, (("DIAG", "1"),)),
    Job("Summer tune-up", _S.SCHEDULED, -1, (("TUNEUP", "1"),)),
    Job("Summer tune-up", _S.SCHEDULED, -2, (("TUNEUP", "1"), ("FILTER", "1"))),
    Job("Move a thermostat", _S.SCHEDULED, -3, (("LABOR", "1"),)),
    Job("Warm air upstairs", _S.OPEN, 1, (("DIAG", "1"),)),
    Job("Quote for a second zone", _S.OPEN, 0, ()),
    Job("Ask about a maintenance plan", _S.DRAFT, 0, ()),
)
