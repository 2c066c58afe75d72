select stage, coalesce(engagement, 'none') as engagement, cast(count(*) as integer) as persons
from {{ ref("customers") }}
group by stage, coalesce(engagement, 'none')
