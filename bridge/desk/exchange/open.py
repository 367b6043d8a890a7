"""Opens the exchange of a desk. Decides what belongs together; each part decides for itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bridge.desk.audit import Audit
from bridge.desk.config import Config, Contact
from bridge.desk.config import Exchange as Settings
from bridge.desk.exchange import partners as partner_file
from bridge.desk.exchange.answer import StoreHoldings
from bridge.desk.exchange.asker import Asker
from bridge.desk.exchange.decide import Agreed
from bridge.desk.exchange.feed import ExchangeTaker
from bridge.desk.exchange.holder import Holder
from bridge.desk.exchange.kept import Kept
from bridge.desk.exchange.letters import Own, Partner
from bridge.desk.exchange.room import Room
from bridge.desk.send import Sender
from bridge.keys import AgencyKeys

Clock = Callable[[], int]


@dataclass(frozen=True)
class Exchange:
    """Disclosure between agencies, at one desk.

    Attributes:
        holder: What others ask of us.
        asker: What we ask of others.
        taker: Takes what the feed brings.
        partners: Agencies whose keys are known.
        close: Closes what is kept.
    """

    holder: Holder
    asker: Asker
    taker: ExchangeTaker
    partners: Mapping[str, Partner]
    close: Callable[[], None]


def opened(
    config: Config, settings: Settings, audit: Audit, agreed: Agreed, clocks: tuple[Clock, Clock]
) -> Exchange:  # fmt: skip
    """The exchange that the settings describe.

    Args:
        config: Settings of the desk.
        settings: Those of the exchange.
        audit: The audit.
        agreed: What may be disclosed.
        clocks: Partnership time and wall time, ms.

    Raises:
        ConfigError, KeyFault: A file cannot be used; the message says which.
    """
    keys = AgencyKeys.load(config.keys)
    partners = partner_file.load(settings.partners, config.agency)
    kept = Kept(settings.kept, keys.agency_key)
    own = Own(config.partnership, config.agency, keys.sign_private, keys.seal_private)
    room = Room(own, partners, kept, audit, Sender(config.kafka), *clocks)
    contact = config.agencies.get(config.agency)
    call = _numbers(contact) if contact is not None else {"name": config.agency_name(config.agency)}
    holder = Holder(room, agreed.policy, StoreHoldings(config.store, config.keys), call)
    asker = Asker(room, settings.valid_s)
    return Exchange(holder, asker, ExchangeTaker(room, holder, asker, settings.keep_days), partners, kept.close)


def _numbers(contact: Contact) -> dict[str, str]:
    return {
        "name": contact.name, "office_number": contact.office_number,
        "out_of_hours_number": contact.out_of_hours_number,
    }  # fmt: skip
